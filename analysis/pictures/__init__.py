"""Every figure, from values already computed: one module for each; none touches a model."""
