// Words of dirty maps on their way to host memory: the write combining of a dirty logger.
//
// Models: a bounded number of words; what is logged gathers in a word for a while, which is then written. A bit map's
// word is read, what has gathered until the answer is put in, and it is written back: no bit of another granule is lost,
// whichever queue it comes from, as one word is never updated twice at a time. A byte map's bytes are written without
// reading, each run of them in one request. Each update is one or two transfers through the device's DMA channel. When
// no word is free, the one that gathers longest is written early. Does not model: updates of one map by several devices
// (each has maps of its own; bytes, which need no reading, could be shared).
//
// A transfer that is refused makes the word's map incomplete, of which the owner is told.
#pragma once

#include <memory>
#include <vector>

#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/devices/dirty_log_config.h"
#include "pagoda/devices/dirty_map.h"
#include "pagoda/devices/dma_channel.h"

namespace pagoda {

class MapWords final : private AgendaTask {
 public:
  /// Which map a word is of: a region and one of its two.
  struct Map {
    std::uint32_t region = 0;
    std::uint32_t which = 0;

    bool operator==(const Map&) const = default;
  };
  class Owner {
   public:
    /// A word of the map is in memory, or will never be.
    virtual void word_written(Map map, bool ok, std::uint64_t granules, Ps at) = 0;

   protected:
    ~Owner() = default;
  };

  MapWords(const DirtyLogConfig& config, Owner& owner);

  void attach(DmaChannel& channel, Agenda& agenda);
  /// Notes the granules [first, end) of a map at `base`, as far as they lie in the word around the first; the first
  /// that does not. `first` itself: there is no free word now.
  std::uint64_t note(Map map, Addr base, DirtyMapKind kind, GranuleRange granules, Ps at);
  /// Writes what has gathered of the map, now.
  void flush(Map map, Ps at);
  /// Words of the map that are not in memory yet.
  std::size_t pending(Map map) const;
  /// Whether a transfer for the region is still under way that a reset has forgotten.
  bool any_forgotten(std::uint32_t region) const;
  /// Forgets all that has not been sent to memory.
  void reset();

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor) { visitor.probe("words", words_probe_, 11, "words of maps in use"); }

 private:
  static constexpr std::size_t kMostBytes = 64;
  enum class State : std::uint8_t { free, gathering, reading, writing };

  struct Word final : DmaClient {
    void dma_done(DmaJob& done, Ps at) override { words->go_on(*this, done, at); }

    MapWords* words = nullptr;
    State state = State::free;
    bool forgotten = false;  // by a reset
    bool failed = false;
    Map map;
    Addr address = 0;
    DirtyMapKind kind = DirtyMapKind::bit;
    std::vector<unsigned char> noted;  // since the last write began
    std::vector<unsigned char> data;   // under way
    std::size_t next = 0;              // byte map: where the next run is looked for
    std::uint64_t granules = 0;        // newly marked by the write
    Ps since = 0;
    DmaJob job;
  };

  void run(Ps at) override;
  static bool any_noted(const Word& word);
  Word* find(Map map, Addr address);
  Word* take(Map map, Addr address, DirtyMapKind kind, Ps at);
  void start(Word& word, Ps at);
  void write_bits(Word& word, Ps at);
  bool write_next_run(Word& word, Ps at);
  void send(Word& word, std::size_t offset, std::size_t length, bool write, Ps at);
  void go_on(Word& word, const DmaJob& job, Ps at);
  void end(Word& word, Ps at);

  Owner& owner_;
  std::size_t width_;
  Ps gather_;
  DmaChannel* channel_ = nullptr;
  Agenda* agenda_ = nullptr;
  std::vector<std::unique_ptr<Word>> words_;
  std::uint64_t in_use_ = 0;

  std::uint64_t noted_ = 0, merged_ = 0, no_word_ = 0, updates_ = 0, bytes_read_ = 0, bytes_written_ = 0, failed_ = 0;
  Probe words_probe_;
};

}  // namespace pagoda
