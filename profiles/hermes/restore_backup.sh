#!/bin/sh
exec holdfast restore --archive "$@"
