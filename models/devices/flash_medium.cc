#include "pagoda/devices/flash_medium.h"

#include <algorithm>
#include <cstring>

namespace pagoda {
namespace {

constexpr std::uint64_t kLargestUnit = 4096;

std::uint64_t unit_bytes_of(const FlashConfig& flash) { return std::min(flash.page.count, kLargestUnit); }

// With room for all logical units, what is to be provided on top, and in every die the blocks that are kept free or open.
FlashGeometry geometry_of(const MediumConfig& config) {
  const FlashConfig& flash = config.flash;
  FlashGeometry geometry{.dies = flash.channels * flash.dies,
                         .blocks = 0,
                         .pages = flash.pages_per_block,
                         .units = static_cast<std::uint32_t>(flash.page.count / unit_bytes_of(flash))};
  const auto of_a_block = static_cast<double>(geometry.dies * geometry.units_per_block() * unit_bytes_of(flash));
  const auto blocks = [&](double bytes) { return static_cast<std::uint32_t>(bytes / of_a_block) + 1; };
  const auto capacity = static_cast<double>(config.capacity.count);
  geometry.blocks = flash.in_place ? blocks(capacity)
                                   : std::max(blocks(capacity * (1 + flash.over_provision)),
                                              blocks(capacity) + flash.gc_threshold + 2);
  return geometry;
}

}  // namespace

FlashMedium::FlashMedium(const MediumConfig& config)
    : StorageMedium(config),
      unit_bytes_(unit_bytes_of(config.flash)),
      in_place_(config.flash.in_place),
      controller_(config.flash.controller.ps),
      threshold_(config.flash.gc_threshold),
      buffer_units_(config.flash.write_buffer.count / unit_bytes_),
      translation_(geometry_of(config), config.capacity.count / unit_bytes_, config.flash.endurance),
      inward_(1e12 / config.flash.controller_rate.bytes_per_second),
      outward_(1e12 / config.flash.controller_rate.bytes_per_second),
      contents_(Bytes{translation_.geometry().physical_units() * unit_bytes_}),
      collections_(translation_.geometry().dies) {
  const std::uint32_t dies = translation_.geometry().dies;
  channels_.reserve(config.flash.channels);
  for (std::uint32_t i = 0; i < config.flash.channels; ++i) channels_.emplace_back(config.flash);
  dies_.reserve(dies);
  for (std::uint32_t die = 0; die < dies; ++die) {
    dies_.emplace_back(config.flash, channels_[die % config.flash.channels]);
  }
}

template <class Function>
void FlashMedium::for_each_part(std::uint64_t first_block, std::uint64_t bytes, Function function) const {
  const std::uint64_t begin = first_block * block_bytes();
  for (std::uint64_t done = 0; done < bytes;) {
    const std::uint64_t offset = (begin + done) % unit_bytes_;
    const Part part{(begin + done) / unit_bytes_, offset, std::min(unit_bytes_ - offset, bytes - done), done};
    function(part);
    done += part.bytes;
  }
}

// Where the contents of a unit lie.
std::optional<std::uint64_t> FlashMedium::find(std::uint64_t unit) const {
  return in_place_ ? std::optional(unit) : translation_.find(unit);
}

std::uint32_t FlashMedium::die_of(std::uint64_t physical) const {
  const FlashGeometry& geometry = translation_.geometry();
  if (in_place_) return static_cast<std::uint32_t>(physical / geometry.units % geometry.dies);
  return static_cast<std::uint32_t>(physical / geometry.units_per_block() / geometry.blocks);
}

// --- reads ---

bool FlashMedium::in_buffer(std::uint64_t physical, Ps at, Ps floor) {
  if (in_place_) return false;
  const std::uint64_t page = physical - physical % translation_.geometry().units;
  if (gathering_ && gathering_->page == page) return gathering_->buffered > 0;
  const auto found = programs_by_page_.find(page);
  if (found == programs_by_page_.end()) return false;
  const FlashProgram& program = *found->second;
  dies_[program.die].advance(floor, at);
  return !program.end || *program.end > at;
}

MediumAnswer FlashMedium::read_blocks(const MediumRequest& request, std::span<unsigned char> to) {
  peek(request.first_block, to);
  const std::uint64_t bytes = request.blocks * block_bytes();
  const std::uint64_t units = translation_.geometry().units;
  const Ps at = request.at + controller_;
  Ps ready = at;
  Ps unloaded = 0;  // of the part that took longest
  // Neighbours in one page are sensed together.
  std::uint64_t page = ~std::uint64_t{0};
  std::uint64_t page_bytes = 0;
  const auto sense = [&] {
    if (page_bytes == 0) return;
    FlashDie& die = dies_[die_of(page * units)];
    const Ps out = die.read(request.floor, at, page_bytes);
    if (out > ready) {
      ready = out;
      unloaded = die.read_time(page_bytes);
    }
    page_bytes = 0;
  };
  for_each_part(request.first_block, bytes, [&](const Part& part) {
    const std::optional<std::uint64_t> physical = find(part.unit);
    if (!physical) return;
    if (in_buffer(*physical, at, request.floor)) {
      ++buffer_hits_;
      return;
    }
    if (*physical / units != page) sense();
    page = *physical / units;
    page_bytes += part.bytes;
  });
  sense();
  const auto passage = outward_.carry(request.floor, ready, bytes, bytes);
  return {.done = passage.end, .queue = (ready - at - unloaded) + (passage.start - ready)};
}

// --- writes ---

MediumAnswer FlashMedium::write_blocks(const MediumRequest& request, std::span<const unsigned char> from) {
  const std::uint64_t bytes = request.blocks * block_bytes();
  const auto passage = inward_.carry(request.floor, request.at, bytes, bytes);
  const Ps at = passage.end + controller_;
  const Clock clock{.runs = true, .floor = request.floor, .at = at};
  MediumAnswer answer{.done = at};
  for_each_part(request.first_block, bytes, [&](const Part& part) {
    if (!answer.ok()) return;
    if (const std::optional<Ps> safe = write_part(part, from, clock)) {
      answer.done = std::max(answer.done, *safe);
    } else {
      answer.status = MediumStatus::full;
    }
  });
  answer.queue = passage.start - request.at;
  const Ps unloaded = in_place_ || buffer_units_ == 0 ? dies_.front().program_time(std::min(bytes, unit_bytes_)) : 0;
  answer.queue += answer.done - at - std::min(answer.done - at, unloaded);
  return answer;
}

// When it is safe; nothing if there is no room.
std::optional<Ps> FlashMedium::write_part(const Part& part, std::span<const unsigned char> from, Clock clock) {
  if (in_place_) return write_in_place(part, from, clock);
  const std::optional<std::uint64_t> old = translation_.find(part.unit);
  if (clock.runs && old && part.bytes < unit_bytes_) {
    ++partial_units_;
    if (!in_buffer(*old, clock.at, clock.floor)) {
      clock.at = dies_[die_of(*old)].read(clock.floor, clock.at, unit_bytes_);
    }
  }
  if (!gathering_ && !open_page(clock)) return std::nullopt;
  if (clock.runs) clock.at = admit(clock.at, clock.floor);
  Gathering& page = *gathering_;
  const std::uint64_t physical = page.page + page.units;
  fill(physical, translation_.find(part.unit), part, from);  // collecting may have moved it
  translation_.place(part.unit, physical);
  ++page.units;
  if (clock.runs) {
    ++host_units_;
    ++page.buffered;
    page.ready = std::max(page.ready, clock.at);
  }
  if (page.units == translation_.geometry().units) program_gathered(clock);
  if (!clock.runs || buffer_units_ > 0) return clock.at;
  const Ps end = dies_[programs_.back().die].finish(clock.floor, programs_.back());
  leave_buffer(clock.floor);
  return end;
}

Ps FlashMedium::write_in_place(const Part& part, std::span<const unsigned char> from, const Clock& clock) {
  fill(part.unit, part.unit, part, from);
  if (!clock.runs) return clock.at;
  ++host_units_;
  ++host_programs_;
  return dies_[die_of(part.unit)].write(clock.floor, clock.at, part.bytes);
}

// The new contents of a unit: those of a part of it, and the old ones around that.
void FlashMedium::fill(std::uint64_t physical, std::optional<std::uint64_t> old, const Part& part,
                       std::span<const unsigned char> from) {
  if (from.empty()) return;
  unsigned char* const bytes = bytes_of(physical);
  if (part.bytes < unit_bytes_) {
    if (!old) {
      std::memset(bytes, 0, unit_bytes_);
    } else if (*old != physical) {
      std::memcpy(bytes, bytes_of(*old), unit_bytes_);
    }
  }
  std::memcpy(bytes + part.offset, from.data() + part.position, part.bytes);
}

// A place in the buffer for a unit that comes at `at`; when there is one.
Ps FlashMedium::admit(Ps at, Ps floor) {
  while (!programs_.empty()) {
    FlashProgram& first = programs_.front();
    dies_[first.die].advance(floor, at);
    if (!first.end || *first.end > at) break;
    leave_buffer(floor);
  }
  const Ps came = at;
  while (buffered_ >= std::max<std::uint64_t>(buffer_units_, 1) && !programs_.empty()) {
    at = std::max(at, dies_[programs_.front().die].finish(floor, programs_.front()));
    leave_buffer(floor);
  }
  buffer_wait_ += at - came;
  ++buffered_;
  buffer_probe_.set(at, buffered_);
  return at;
}

// The program begun first is over.
void FlashMedium::leave_buffer(Ps floor) {
  FlashProgram& first = programs_.front();
  dies_[first.die].finish(floor, first);
  buffered_ -= first.units;
  programs_by_page_.erase(first.page);
  programs_.pop_front();
}

// The next page to gather units for: of the dies in turn, one that has room.
bool FlashMedium::open_page(const Clock& clock) {
  const std::uint32_t dies = translation_.geometry().dies;
  for (std::uint32_t tried = 0; tried < dies; ++tried) {
    const std::uint32_t die = next_die_;
    next_die_ = die + 1 == dies ? 0 : die + 1;
    collect(die, clock);
    if (const auto page = translation_.open_page(die, FlashStream::host)) {
      gathering_ = Gathering{.page = *page, .die = die};
      return true;
    }
  }
  return false;
}

void FlashMedium::program_gathered(const Clock& clock) {
  const Gathering page = *gathering_;
  gathering_.reset();
  if (page.buffered == 0) return;
  ++host_programs_;
  FlashProgram& program =
      programs_.emplace_back(FlashProgram{.page = page.page, .die = page.die, .units = page.buffered});
  programs_by_page_[page.page] = &program;
  dies_[page.die].add({.kind = FlashDie::Operation::Kind::program,
                       .ready = std::max(page.ready, clock.at),
                       .bytes = translation_.geometry().units * unit_bytes_,
                       .program = &program});
}

// --- the rest ---

Ps FlashMedium::work_until(Ps now) {
  Ps next = kNever;
  for (FlashDie& die : dies_) {
    die.advance(now, now + 1);
    next = std::min(next, die.next());
  }
  return next;
}

MediumAnswer FlashMedium::discard_blocks(const MediumRequest& request) {
  for_each_part(request.first_block, request.blocks * block_bytes(), [this](const Part& part) {
    const std::optional<std::uint64_t> physical = find(part.unit);
    if (!physical) return;
    std::memset(bytes_of(*physical) + part.offset, 0, part.bytes);
    if (!in_place_ && part.bytes == unit_bytes_) translation_.discard(part.unit);
  });
  return {.done = request.at + controller_};
}

void FlashMedium::peek(std::uint64_t first_block, std::span<unsigned char> to) const {
  for_each_part(first_block, to.size(), [&](const Part& part) {
    const std::optional<std::uint64_t> physical = find(part.unit);
    unsigned char* const bytes = to.data() + part.position;
    if (physical) {
      std::memcpy(bytes, bytes_of(*physical) + part.offset, part.bytes);
    } else {
      std::memset(bytes, 0, part.bytes);
    }
  });
}

void FlashMedium::poke(std::uint64_t first_block, std::span<const unsigned char> from) {
  for_each_part(first_block, from.size(), [&](const Part& part) { write_part(part, from, {.runs = false}); });
}

double FlashMedium::busy_share(Ps elapsed) const {
  std::uint64_t dies = 0, channels = 0;
  for (const FlashDie& die : dies_) dies += die.busy();
  for (const FlashChannel& channel : channels_) channels += channel.busy();
  return std::max({ratio(dies, elapsed * dies_.size()), ratio(channels, elapsed * channels_.size()),
                   ratio(inward_.busy(), elapsed), ratio(outward_.busy(), elapsed)});
}

void FlashMedium::visit_own_stats(StatVisitor& v, Ps elapsed) {
  std::uint64_t dies_busy = 0, channels_busy = 0, suspensions = 0;
  for (FlashDie& die : dies_) {
    dies_busy += die.busy();
    suspensions += die.suspensions();
    if (v.clears()) die.busy() = die.suspensions() = 0;
  }
  for (FlashChannel& channel : channels_) {
    channels_busy += channel.busy();
    if (v.clears()) channel.busy() = 0;
  }
  const std::uint64_t erasures = erasures_;
  v.counter("units_written", host_units_, kCount, "units of at most 4 KiB written by the host");
  v.counter("partial_units", partial_units_, kCount, "of these, those for which the rest had to be read");
  v.counter("buffer_hits", buffer_hits_, kCount, "units read from the write buffer");
  v.counter("buffer_wait", buffer_wait_, kTimeInNs, "time units waited for room in the write buffer");
  v.counter("programs", host_programs_, kCount, "pages programmed for the host");
  v.counter("collected_units", collected_units_, kCount, "units moved to free their block");
  v.counter("collection_programs", collection_programs_, kCount, "pages programmed for that");
  v.counter("erasures", erasures_, kCount, "blocks erased");
  v.value("write_amplification", ratio(host_units_ + collected_units_, host_units_), "",
          "units written to flash for each that the host wrote");
  v.value("wear", ratio(erasures, dies_.size() * translation_.geometry().blocks), "",
          "erasures of a block, on average");
  v.value("wear_most", static_cast<double>(translation_.most_erasures()), "",
          "erasures of the block erased most often");
  v.value("worn_out", static_cast<double>(translation_.worn_out()), "", "blocks that stand no more erasures");
  v.counter("suspensions", suspensions, kCount, "programs and erasures that gave way to a read");
  v.value("die_utilisation", ratio(dies_busy, elapsed * dies_.size()), "", "share of the time in which a die was busy");
  v.enter("inward");
  inward_.visit_stats(v, elapsed);
  v.leave();
  v.enter("outward");
  outward_.visit_stats(v, elapsed);
  v.leave();
  v.value("channel_utilisation", ratio(channels_busy, elapsed * channels_.size()), "",
          "share of the time in which a channel was busy");
}

void FlashMedium::visit_own_probes(ProbeVisitor& v) {
  for (std::size_t die = 0; die < dies_.size(); ++die) {
    v.probe(("die" + std::to_string(die) + "_busy").c_str(), dies_[die].probe(), 1,
            "the die reads, programs or erases");
  }
  for (std::size_t channel = 0; channel < channels_.size(); ++channel) {
    v.probe(("channel" + std::to_string(channel) + "_busy").c_str(), channels_[channel].probe(), 1,
            "the channel carries a command or data");
  }
  v.probe("buffer", buffer_probe_, 24, "units in the write buffer");
  v.probe("erasures", erasures_probe_, 32, "blocks erased");
}

}  // namespace pagoda
