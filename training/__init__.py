"""From labelled rows to trained versions; the only writer of models/."""
