#ifndef PAGESTALL_LIB_FILE_KNOWN_PAGES_H_
#define PAGESTALL_LIB_FILE_KNOWN_PAGES_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/file/reclaim_watch.h"

namespace pagestall {

// What of a mapped file was seen in memory and mapped, so that touching it
// neither faults nor waits: a bit for each page.
//
// It is believed as long as a ReclaimWatch has seen no page go since, which
// it knows up to ReclaimWatch::kLongestPeriod late, and for kLifetime, because
// some pages go without being counted there (it says which). So the longest
// that a page may be gone and still believed in is kLifetime and a tick of the
// clock (10 ms). While pages go, nothing is believed: kQuiet.
//
// Memory: 72 bytes for each chunk of 512 pages, when something in it or in one
// of its 63 neighbours is known, and 8 for as many: at most 0.0037 % of a file
// of whole chunks.
//
// One thread at a time; no system call.
class KnownPages {
 public:
  using Moment = ReclaimWatch::Moment;

  static constexpr std::chrono::nanoseconds kLifetime{
      std::chrono::milliseconds(200)};
  static constexpr size_t kChunkPages = 512;
  // A bit for each page of a chunk, the first page's the lowest of the first.
  using Bits = std::array<uint64_t, kChunkPages / 64>;

  explicit KnownPages(uint64_t pages);

  // Whether all `count` pages from `first` on are known; of none, they are.
  bool Has(uint64_t first, uint64_t count, const Moment& moment) const;

  // Whether something in the page's chunk was ever known.
  bool WasSeen(uint64_t page) const { return ChunkOf(page) != nullptr; }

  // Whether what was seen of the page's chunk is believed still.
  bool Believes(uint64_t page, const Moment& moment) const {
    const Chunk* const chunk = ChunkOf(page);
    return chunk != nullptr && moment.Believes(chunk->seen, kLifetime);
  }

  // That these pages of a chunk, and no others, were there at a moment before
  // which nothing of the answer was asked.
  void Set(uint64_t chunk, const Bits& pages, const Moment& moment);
  // The same of `count` pages from `first` on, beside what is believed now:
  // they were there at some time since `seen`.
  void Add(uint64_t first, uint64_t count, std::chrono::nanoseconds seen,
           const Moment& now);

  // What it takes, in bytes.
  size_t memory_bytes() const;

 private:
  struct Chunk {
    std::chrono::nanoseconds seen{0};  // 0: never
    Bits pages{};
  };
  static constexpr size_t kBlockChunks = 64;

  const Chunk* ChunkOf(uint64_t page) const;
  Chunk& MakeChunk(uint64_t chunk);

  uint64_t chunks_;
  std::vector<std::unique_ptr<Chunk[]>> blocks_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_KNOWN_PAGES_H_
