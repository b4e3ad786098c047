"""The doors: HTTP, command line and files. Answers without scikit-learn and joblib."""
