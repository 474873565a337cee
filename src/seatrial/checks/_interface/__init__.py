"""Parts of the check `interface`: declared shapes, probes, preprocessing that fits."""
