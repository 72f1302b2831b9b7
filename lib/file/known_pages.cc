#include "lib/file/known_pages.h"

#include <algorithm>

namespace pagestall {
namespace {

// The bits of `count` pages from `first` on that are in its word.
uint64_t Mask(uint64_t first, uint64_t count) {
  const uint64_t bit = first % 64;
  const uint64_t ones = count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  return ones << bit;
}

}  // namespace

KnownPages::KnownPages(uint64_t pages)
    : chunks_((pages + kChunkPages - 1) / kChunkPages),
      blocks_((chunks_ + kBlockChunks - 1) / kBlockChunks) {}

const KnownPages::Chunk* KnownPages::ChunkOf(uint64_t page) const {
  const uint64_t chunk = page / kChunkPages;
  if (chunk >= chunks_) return nullptr;
  const Chunk* const block = blocks_[chunk / kBlockChunks].get();
  if (block == nullptr) return nullptr;
  const Chunk& found = block[chunk % kBlockChunks];
  return found.seen.count() == 0 ? nullptr : &found;
}

KnownPages::Chunk& KnownPages::MakeChunk(uint64_t chunk) {
  std::unique_ptr<Chunk[]>& block = blocks_[chunk / kBlockChunks];
  if (block == nullptr) {
    const uint64_t first = chunk / kBlockChunks * kBlockChunks;
    block = std::make_unique<Chunk[]>(
        std::min<uint64_t>(kBlockChunks, chunks_ - first));
  }
  return block[chunk % kBlockChunks];
}

bool KnownPages::Has(uint64_t first, uint64_t count,
                     const Moment& moment) const {
  while (count > 0) {
    const Chunk* const chunk = ChunkOf(first);
    if (chunk == nullptr || !moment.Believes(chunk->seen, kLifetime)) {
      return false;
    }
    do {
      const uint64_t mask = Mask(first, count);
      if ((chunk->pages[first % kChunkPages / 64] & mask) != mask) return false;
      const uint64_t step = std::min(count, 64 - first % 64);
      first += step;
      count -= step;
    } while (count > 0 && first % kChunkPages != 0);
  }
  return true;
}

void KnownPages::Set(uint64_t chunk, const Bits& pages, const Moment& moment) {
  MakeChunk(chunk) = {.seen = moment.now, .pages = pages};
}

void KnownPages::Add(uint64_t first, uint64_t count,
                     std::chrono::nanoseconds seen, const Moment& now) {
  while (count > 0) {
    Chunk& chunk = MakeChunk(first / kChunkPages);
    if (!now.Believes(chunk.seen, kLifetime)) {
      chunk = {.seen = seen, .pages = {}};
    }
    // What is older decides how long all of it is believed.
    chunk.seen = std::min(chunk.seen, seen);
    do {
      chunk.pages[first % kChunkPages / 64] |= Mask(first, count);
      const uint64_t step = std::min(count, 64 - first % 64);
      first += step;
      count -= step;
    } while (count > 0 && first % kChunkPages != 0);
  }
}

size_t KnownPages::memory_bytes() const {
  size_t bytes = sizeof *this + blocks_.capacity() * sizeof blocks_[0];
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (blocks_[i] == nullptr) continue;
    bytes += std::min<uint64_t>(kBlockChunks, chunks_ - i * kBlockChunks) *
             sizeof(Chunk);
  }
  return bytes;
}

}  // namespace pagestall
