"""Everything a person sees. A page is one file with `render(ctx)` and a line in `pages.registry.PAGES`."""
