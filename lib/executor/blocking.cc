#include "lib/executor/blocking.h"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/executor/block_order.h"
#include "lib/executor/file_sums.h"
#include "lib/file/exception_status.h"
#include "lib/file/thread_start.h"
#include "lib/file/touch.h"
#include "lib/kernel/strided_sum.h"

namespace pagestall {
namespace {

absl::StatusOr<uint64_t> SumBlocks(BlockingSource& source,
                                   const std::string& path,
                                   const BlockOrder& order,
                                   const ScanSpec& spec) {
  uint64_t sum = 0;
  for (const uint64_t offset : order.offsets()) {
    const absl::StatusOr<Chunk> chunk =
        source.At(offset, order.buffer().bytes());
    if (!chunk.ok()) return chunk.status();
    const absl::Status touched = Touch(*chunk, path, offset, [&] {
      sum += BlockOrder::Sum(*chunk, offset, spec.stride);
    });
    if (!touched.ok()) return touched;
  }
  return sum;
}

absl::StatusOr<uint64_t> SumFile(BlockingSource& source,
                                 const std::string& path,
                                 const ScanSpec& spec) {
  StridedSum sum(spec.stride, spec.prefetch);
  for (uint64_t offset = 0;;) {
    const absl::StatusOr<Chunk> chunk = source.Next();
    if (!chunk.ok()) return chunk.status();
    if (chunk->empty()) return sum.value();
    const absl::Status touched =
        Touch(*chunk, path, offset, [&] { sum.Add(*chunk); });
    if (!touched.ok()) return touched;
    offset += chunk->size();
  }
}

class BlockingScan : public Scan {
 public:
  BlockingScan(const ScanSpec& spec, std::vector<BlockOrder> orders,
               std::vector<std::unique_ptr<BlockingSource>> sources)
      : sources_(std::move(sources)),
        sums_(sources_.size()),
        spec_(spec),
        orders_(std::move(orders)) {}

 protected:
  void SumOne(size_t file) {
    const std::string& path = spec_.paths[file];
    sums_[file] = orders_.empty()
                      ? SumFile(*sources_[file], path, spec_)
                      : SumBlocks(*sources_[file], path, orders_[file], spec_);
  }

  std::vector<std::unique_ptr<BlockingSource>> sources_;
  FileSums sums_;

 private:
  ScanSpec spec_;
  std::vector<BlockOrder> orders_;  // of each file; empty: front to back
  BusErrorsCaught caught_;
};

class SeqScan final : public BlockingScan {
 public:
  using BlockingScan::BlockingScan;

  absl::StatusOr<std::vector<uint64_t>> Run() override {
    for (size_t file = 0; file < sources_.size(); ++file) SumOne(file);
    return Delivered(sums_);
  }
};

class ThreadsScan final : public BlockingScan {
 public:
  using BlockingScan::BlockingScan;

  absl::StatusOr<std::vector<uint64_t>> Run() override {
    std::vector<std::jthread> threads;
    threads.reserve(sources_.size());
    for (size_t file = 0; file < sources_.size(); ++file) {
      const absl::Status started = Caught("start a thread", [&] {
        threads.emplace_back([this, file] { SumOne(file); });
        return absl::OkStatus();
      });
      if (!started.ok()) sums_[file] = started;
    }
    ended_threads_ = threads.size();
    threads.clear();  // joins
    return Delivered(sums_);
  }

  size_t ended_threads() const override { return ended_threads_; }

 private:
  size_t ended_threads_ = 0;
};

template <typename Kind>
absl::StatusOr<std::unique_ptr<Scan>> PrepareBlocking(const Source& source,
                                                      const ScanSpec& spec) {
  return Caught(
      "prepare the scan", [&]() -> absl::StatusOr<std::unique_ptr<Scan>> {
        absl::StatusOr<std::vector<BlockOrder>> orders = BlockOrdersOf(spec);
        if (!orders.ok()) return orders.status();
        std::vector<std::unique_ptr<BlockingSource>> sources;
        for (const std::string& path : spec.paths) {
          absl::StatusOr<std::unique_ptr<BlockingSource>> opened =
              source.openers->blocking(path, spec.source_options);
          if (!opened.ok()) return opened.status();
          sources.push_back(*std::move(opened));
        }
        return std::make_unique<Kind>(spec, *std::move(orders),
                                      std::move(sources));
      });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scan>> PrepareSeq(const Source& source,
                                                 const ScanSpec& spec) {
  return PrepareBlocking<SeqScan>(source, spec);
}

absl::StatusOr<std::unique_ptr<Scan>> PrepareThreads(const Source& source,
                                                     const ScanSpec& spec) {
  // Not in the window: to ask takes longer than to start one.
  absl::Status may_start = Caught("start a thread", [] {
    CheckThreadMayStart();
    return absl::OkStatus();
  });
  if (!may_start.ok()) return may_start;
  return PrepareBlocking<ThreadsScan>(source, spec);
}

}  // namespace pagestall
