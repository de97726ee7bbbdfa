"""Parts of the panel: in come results and choices, out come what a person did; they show and decide nothing."""
