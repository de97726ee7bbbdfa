"""Parts of the panel: qt and the application, imported by the module's Widget alone."""
