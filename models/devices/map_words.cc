#include "pagoda/devices/map_words.h"

#include <algorithm>
#include <bit>

namespace pagoda {

MapWords::MapWords(const DirtyLogConfig& config, Owner& owner)
    : owner_(owner), width_(config.word.count), gather_(config.gather.ps), words_(config.words) {
  for (auto& word : words_) {
    word = std::make_unique<Word>();
    word->words = this;
    word->job.client = word.get();
    word->noted.resize(width_);
    word->data.resize(width_);
  }
}

void MapWords::attach(DmaChannel& channel, Agenda& agenda) {
  channel_ = &channel;
  agenda_ = &agenda;
}

bool MapWords::any_noted(const Word& word) {
  return std::any_of(word.noted.begin(), word.noted.end(), [](unsigned char byte) { return byte != 0; });
}

MapWords::Word* MapWords::find(Map map, Addr address) {
  const auto its = [&](const auto& word) {
    return word->state != State::free && !word->forgotten && word->map == map && word->address == address;
  };
  const auto found = std::find_if(words_.begin(), words_.end(), its);
  return found == words_.end() ? nullptr : found->get();
}

MapWords::Word* MapWords::take(Map map, Addr address, DirtyMapKind kind, Ps at) {
  Word* oldest = nullptr;
  for (const auto& word : words_) {
    if (word->state == State::free) {
      word->state = State::gathering;
      word->map = map;
      word->address = address;
      word->kind = kind;
      word->since = at;
      words_probe_.set(at, ++in_use_);
      agenda_->add(at + gather_, *this);
      return word.get();
    }
    if (word->state == State::gathering && (oldest == nullptr || word->since < oldest->since)) oldest = word.get();
  }
  ++no_word_;
  if (oldest != nullptr) start(*oldest, at);
  return nullptr;
}

std::uint64_t MapWords::note(Map map, Addr base, DirtyMapKind kind, GranuleRange granules, Ps at) {
  const std::uint64_t bits = kind == DirtyMapKind::bit ? 1 : 8;
  const std::uint64_t per_word = width_ * 8 / bits;
  const std::uint64_t number = granules.first / per_word;
  const Addr address = base + number * width_;
  Word* word = find(map, address);
  if (word != nullptr) ++merged_;
  if (word == nullptr) word = take(map, address, kind, at);
  if (word == nullptr) return granules.first;
  const std::uint64_t end = std::min(granules.end, (number + 1) * per_word);
  for (std::uint64_t granule = granules.first; granule < end; ++granule) {
    const std::uint64_t place = granule % per_word;
    if (kind == DirtyMapKind::bit) {
      word->noted[place / 8] = static_cast<unsigned char>(word->noted[place / 8] | 1u << place % 8);
    } else {
      word->noted[place] = 1;
    }
  }
  noted_ += end - granules.first;
  return end;
}

// Of some word the time of gathering is over.
void MapWords::run(Ps at) {
  for (const auto& word : words_) {
    if (word->state == State::gathering && word->since + gather_ <= at) start(*word, at);
  }
}

void MapWords::start(Word& word, Ps at) {
  ++updates_;
  word.granules = 0;
  if (word.kind == DirtyMapKind::bit) {
    word.state = State::reading;
    return send(word, 0, width_, false, at);
  }
  word.state = State::writing;
  word.data.swap(word.noted);
  std::fill(word.noted.begin(), word.noted.end(), 0);
  word.next = 0;
  write_next_run(word, at);
}

void MapWords::send(Word& word, std::size_t offset, std::size_t length, bool write, Ps at) {
  (write ? bytes_written_ : bytes_read_) += length;
  word.job.address = word.address + offset;
  word.job.bytes = length;
  word.job.write = write;
  word.job.data = word.data.data() + offset;
  channel_->start(word.job, at);
}

// The word has been read; what has gathered until now goes into it.
void MapWords::write_bits(Word& word, Ps at) {
  for (std::size_t i = 0; i < width_; ++i) {
    const auto fresh = static_cast<unsigned char>(word.noted[i] & ~word.data[i]);
    word.granules += static_cast<unsigned>(std::popcount(fresh));
    word.data[i] |= fresh;
    word.noted[i] = 0;
  }
  word.state = State::writing;
  send(word, 0, width_, true, at);
}

// False: there is none any more.
bool MapWords::write_next_run(Word& word, Ps at) {
  const auto begin = std::find(word.data.begin() + static_cast<std::ptrdiff_t>(word.next), word.data.end(), 1);
  if (begin == word.data.end()) return false;
  const auto end = std::find(begin, word.data.end(), 0);
  const auto length = static_cast<std::size_t>(end - begin);
  word.next = static_cast<std::size_t>(end - word.data.begin());
  word.granules += length;
  send(word, static_cast<std::size_t>(begin - word.data.begin()), length, true, at);
  return true;
}

void MapWords::go_on(Word& word, const DmaJob& job, Ps at) {
  if (job.status != DmaStatus::ok) {
    ++failed_;
    word.failed = true;
  }
  if (word.forgotten || word.failed) return end(word, at);
  if (word.state == State::reading) return write_bits(word, at);
  if (word.kind == DirtyMapKind::byte && write_next_run(word, at)) return;
  end(word, at);
}

void MapWords::end(Word& word, Ps at) {
  const bool forgotten = word.forgotten;
  const bool failed = word.failed;
  const std::uint64_t granules = word.granules;
  if (!forgotten && !failed && any_noted(word)) {  // more came while it was written
    word.since = at;
    start(word, at);
    return owner_.word_written(word.map, true, granules, at);
  }
  std::fill(word.noted.begin(), word.noted.end(), 0);
  std::fill(word.data.begin(), word.data.end(), 0);
  word.forgotten = word.failed = false;
  word.state = State::free;
  words_probe_.set(at, --in_use_);
  if (!forgotten) owner_.word_written(word.map, !failed, granules, at);
}

void MapWords::flush(Map map, Ps at) {
  for (const auto& word : words_) {
    if (word->state == State::gathering && word->map == map) start(*word, at);
  }
}

std::size_t MapWords::pending(Map map) const {
  return static_cast<std::size_t>(std::count_if(words_.begin(), words_.end(), [&](const auto& word) {
    return word->state != State::free && !word->forgotten && word->map == map;
  }));
}

bool MapWords::any_forgotten(std::uint32_t region) const {
  return std::any_of(words_.begin(), words_.end(),
                     [&](const auto& word) { return word->forgotten && word->map.region == region; });
}

void MapWords::reset() {
  for (const auto& word : words_) {
    if (word->state == State::free) continue;
    std::fill(word->noted.begin(), word->noted.end(), 0);
    if (word->state == State::gathering) {
      word->state = State::free;
      --in_use_;
    } else {
      word->forgotten = true;
    }
  }
}

void MapWords::visit_stats(StatVisitor& v) {
  v.counter("granules_noted", noted_, kCount, "granules put into words of maps, again and again if they are");
  v.counter("words_merged", merged_, kCount, "parts of log entries that found their word gathering or under way");
  v.counter("no_free_word", no_word_, kCount, "parts of log entries that found none free");
  v.counter("updates", updates_, kCount, "words written to maps");
  v.counter("map_bytes_read", bytes_read_, kSizeInBytes, "of maps");
  v.counter("map_bytes_written", bytes_written_, kSizeInBytes, "of maps");
  v.counter("updates_failed", failed_, kCount, "transfers of maps that were refused");
}

}  // namespace pagoda
