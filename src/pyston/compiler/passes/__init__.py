"""One pass a file, each with one public function; `pipeline.py` alone knows their order."""
