"""What runs on the VPS itself: standard library only, Python 3.9 or newer, copied there by `vps.provision`."""
