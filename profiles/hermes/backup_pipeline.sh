#!/bin/sh
exec holdfast backup --profile "$(dirname -- "$0")/../hermes.yaml" "$@"
