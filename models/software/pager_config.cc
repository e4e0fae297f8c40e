#include "pagoda/software/pager_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& PagerConfig::config_info() {
  using C = PagerConfig;
  static const ConfigInfo info =
      ConfigBuilder<C>("pager", "The software that moves pages between frames and a volume.")
          .field("eviction", &C::eviction, "which page goes: by accessed flags, the oldest, or any")
          .field("wait", &C::wait, "what a thread does while pages move for it")
          .field("reserve", &C::reserve, "frames kept free, so that a page can come before another has gone",
                 in_range(0, 1 << 20))
          .field("overlap", &C::overlap, "order pages out and in at once, if a frame is free; else one after the other")
          .field("wait_for_out", &C::wait_for_out,
                 "go on when both pages have moved; else when the one that was asked for is there")
          .field("read_ahead", &C::read_ahead, "pages behind it that are ordered as well, if frames are free",
                 in_range(0, 256))
          .field("retries", &C::retries, "times a move that failed is tried again", in_range(0, 100))
          .field("fault", &C::fault, "a fault, from entry to return, with looking the page up and mapping it",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .field("victim", &C::victim, "evicting a page, without its TLB shootdown",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .field("look", &C::look, "looking at a page that may be evicted",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .field("ahead", &C::ahead, "ordering a page ahead of its use", in_range(Duration{0}, Duration{kMillisecond}))
          .field("zeroing", &C::zeroing, "rate at which new pages are cleared",
                 in_range(Bandwidth{1e6}, Bandwidth{1e13}));
  return info;
}

}  // namespace pagoda
