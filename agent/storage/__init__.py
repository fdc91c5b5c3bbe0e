"""Where finished files go: one interface (`base.Storage`), one module per kind of storage."""
