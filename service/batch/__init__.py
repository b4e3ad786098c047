"""Files of descriptions in, the same files with predictions out: streamed, in order, in bounded memory.

* CSV: any delimiter, quoted newlines, a byte-order mark, CRLF, any encoding that Python knows. Every
  column comes back with the values it had, and the predictions' columns after them.
* Parquet: columns keep their types.
* JSON Lines: each line comes back as it was, with the predictions' keys added at its end.
* Lines: one description a line; what comes back is CSV.

CSV, JSON Lines and lines may be compressed with gzip or zstd, as the names say. Blocks are scored on all
cores, from Arrow's memory. A row whose text is blank stays, its prediction empty. Output to a file is
written beside it and renamed at the end, so that nothing half-written stands under its name.
"""
