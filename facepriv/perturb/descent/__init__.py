"""All coefficients of the blend, moved together by gradients."""
