"""The compiler: `compile_function(snapshot, world)` in `pipeline.py` turns a snapshot into an artifact.

Pure: it imports only itself and the standard library, runs no user code and keeps no state.
"""
