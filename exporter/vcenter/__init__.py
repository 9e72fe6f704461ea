"""vCenter: session and soap talk; counters, plan and decode understand; query and inventory run them."""
