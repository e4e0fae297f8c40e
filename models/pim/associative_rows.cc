#include "pagoda/pim/associative_rows.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kValid = 1;
constexpr unsigned kProgramShift = 1;  // 7 bits, beside the page's number
constexpr unsigned kGlobal = 6;        // beside the output page: its size in 6 bits, global, memory type
constexpr unsigned kMemoryType = 7;

std::array<std::uint64_t, 4> words_of(Addr input, const TlbEntry& entry) {
  std::array<std::uint64_t, 4> words{};
  words[0] = (input & ~low_mask(kPageShift)) | std::uint64_t{entry.program_shift} << kProgramShift | kValid;
  words[1] = entry.tag.asid | std::uint64_t{entry.tag.vmid} << 32;
  words[2] = (entry.output(input) & ~low_mask(kPageShift)) | entry.page_shift | std::uint64_t{entry.global} << kGlobal |
             static_cast<std::uint64_t>(entry.memory_type) << kMemoryType;
  for (std::size_t stage = 0; stage < entry.rights.size(); ++stage) {
    words[3] |= static_cast<std::uint64_t>(entry.rights[stage]) << 8 * stage;
  }
  return words;
}

TlbEntry entry_of(const std::array<std::uint64_t, 4>& words) {
  TlbEntry entry{};
  entry.tag = {static_cast<std::uint32_t>(words[1]), static_cast<std::uint32_t>(words[1] >> 32)};
  entry.page_shift = static_cast<std::uint8_t>(words[2] & 0x3f);
  entry.program_shift = static_cast<std::uint8_t>(words[0] >> kProgramShift & 0x7f);
  entry.page = words[2] & ~low_mask(std::max<unsigned>(entry.page_shift, kPageShift));
  entry.global = (words[2] >> kGlobal & 1) != 0;
  entry.memory_type = static_cast<MemoryType>(words[2] >> kMemoryType & 0x1f);
  for (std::size_t stage = 0; stage < entry.rights.size(); ++stage) {
    entry.rights[stage] = static_cast<Rights>(words[3] >> 8 * stage & 0xff);
  }
  return entry;
}

bool is_of(const std::array<std::uint64_t, 4>& words, Addr input, AddressSpaceTag tag) {
  return (words[0] & kValid) != 0 && (words[0] ^ input) >> kPageShift == 0 && visible_to(entry_of(words), tag);
}

}  // namespace

AssociativeRows::AssociativeRows(const AssociativeRowsConfig& config, const WalkTablesSite& site, std::uint32_t channel)
    : config_(config),
      site_(site),
      channel_(channel),
      compare_(config.tag_bits * config.compare_bit.at(site.dram.clocks().period)),
      next_place_(config.rows) {}

std::uint32_t AssociativeRows::row_of(Addr input) const {
  const std::uint64_t page = input >> kPageShift;
  return static_cast<std::uint32_t>((page * 0x9e3779b97f4a7c15) >> 32) % config_.rows;
}

AssociativeRows::Words AssociativeRows::load(Addr address) const {
  Words words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = site_.bytes.load(address + 8 * i).value;
  return words;
}

DramUsedRow AssociativeRows::use(std::uint32_t row, bool write, Ps hold, WalkTables& tables, Ps at) {
  return tables.use_row(place(row, 0), write, hold, at);
}

AssociativeRows::Found AssociativeRows::search(Addr input, AddressSpaceTag tag, WalkTables& tables, Ps at) {
  ++searches_;
  const std::uint32_t row = row_of(input);
  std::optional<TlbEntry> found;
  boost::container::small_vector<Addr, 4> matching;
  for (std::uint32_t i = 0; i < site_.rows.entries_per_row(); ++i) {
    const Addr address = place(row, i);
    if ((site_.bytes.load(address).value ^ input) >> kPageShift != 0) continue;
    const Words words = load(address);
    if (!is_of(words, input, tag)) continue;
    matching.push_back(address);
    found = entry_of(words);
  }
  const bool several = matching.size() > 1;
  if (several) {
    ++multiple_;
    for (const Addr address : matching) clear(address);
    found.reset();
  }
  ++(found ? hits_ : misses_);
  const Ps done = use(row, several, compare_ + site_.select, tables, at).done;
  if (found) found->ready = done;
  return {found, done};
}

void AssociativeRows::insert(Addr input, const TlbEntry& entry, WalkTables& tables, Ps at) {
  ++inserts_;
  const std::uint32_t row = row_of(input);
  const std::uint32_t index = next_place_[row];
  next_place_[row] = (index + 1) % site_.rows.entries_per_row();
  const Words words = words_of(input, entry);
  for (std::size_t i = 0; i < words.size(); ++i) site_.bytes.store(place(row, index) + 8 * i, words[i]);
  use(row, true, site_.select, tables, at);
}

Ps AssociativeRows::invalidate(const TlbInvalidation& what, WalkTables& tables, Ps at) {
  Ps done = at;
  for (std::uint32_t row = 0; row < config_.rows; ++row) {
    ++searches_;
    bool dropped = false;
    for (std::uint32_t i = 0; i < site_.rows.entries_per_row(); ++i) {
      const Words words = load(place(row, i));
      if ((words[0] & kValid) == 0) continue;
      if (!what.concerns(words[0] & ~low_mask(kPageShift), entry_of(words))) continue;
      clear(place(row, i));
      ++invalidated_;
      dropped = true;
    }
    done = std::max(done, use(row, dropped, compare_ + site_.select, tables, at).done);
  }
  return done;
}

Energy AssociativeRows::energy() const {
  const double row_bytes = site_.rows.entries_per_row() * TableRows::kEntryBytes;
  return {static_cast<double>(searches_) * config_.compare_energy.joules * row_bytes};
}

void AssociativeRows::visit_stats(StatVisitor& v) {
  v.counter("hits", hits_, kCount, "searches that found a translation");
  v.counter("misses", misses_, kCount, "searches that did not");
  v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per search");
  v.counter("multiple", multiple_, kCount, "searches with more than one match, which count as misses");
  v.counter("searches", searches_, kCount, "rows compared, for invalidations too");
  v.counter("inserts", inserts_, kCount, "translations put in");
  v.counter("invalidated", invalidated_, kCount, "translations dropped by maintenance");
}

}  // namespace pagoda
