// The ring without an executor: threads, errors for good, and what the kernel
// does not give back.

#include "lib/uring/io_ring.h"

#include <liburing.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/file/shared_buffer.h"
#include "test/availability.h"
#include "test/child.h"
#include "test/forbidden_call.h"
#include "test/on_disk.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/uring/with_ring.h"

namespace {

bool pretends_linux_510 = false;

}  // namespace

// The library's own, before liburing's. (By another name, for whether that
// throws is declared in different ways.) A kernel before 5.11 knows no wait
// with a limit, for which liburing submits an operation then.
extern "C" int InitQueue(unsigned entries, io_uring* ring,
                         unsigned flags) __asm__("io_uring_queue_init");
int InitQueue(unsigned entries, io_uring* ring, unsigned flags) {
  if (pretends_linux_510 && flags != 0) return -EINVAL;
  io_uring_params params{};
  params.flags = flags;
  const int error = io_uring_queue_init_params(entries, ring, &params);
  if (pretends_linux_510) ring->features &= ~IORING_FEAT_EXT_ARG;
  return error;
}

namespace pagestall {
namespace {

using testing::HasSubstr;

class IoRingTest : public WithFiles {
 protected:
  void SetUp() override {
    auto ring = IoRing::Open();
    if (IsNotAvailable(ring.status())) GTEST_SKIP() << ring.status();
    ASSERT_THAT(ring, IsOk());
    ring_ = *std::move(ring);
  }

  std::shared_ptr<const File> OpenPage() {
    return OpenFile(directory_.Write("file", std::vector<uint8_t>(4096, 7)));
  }

  static std::shared_ptr<const Mapping> Map(const File& file) {
    return std::make_shared<const Mapping>(Mapping::Map(file).value());
  }

  IoRing::Done Noted() {
    return [this](int result) { results_.push_back(result); };
  }

  IoRing::Ticket Read(std::shared_ptr<const File> file,
                      std::shared_ptr<IoRing::Lane> lane = nullptr) {
    return ring_->StartRead(std::move(file), Buffer(), 0, 0, Noted(),
                            std::move(lane));
  }

  IoRing::Ticket ReadInKernel(std::shared_ptr<const File> file) {
    IoRing::Ticket read = Read(std::move(file));
    EXPECT_FALSE(ring_->Submit());
    return read;
  }

  static SharedBuffer Buffer() { return SharedBuffer(PageBuffer(10)); }

  void TellAll() {
    while (auto ended = ring_->NextEnded()) ended->done(ended->result);
  }

  // As an event loop does.
  void RunUntilNobodyWaits() {
    while (ring_->waiting() > 0 || ring_->HasEnded()) {
      ASSERT_FALSE(ring_->Submit());
      TellAll();
      if (ring_->waiting() == 0 || !ring_->Arm()) continue;
      pollfd readable = {ring_->descriptor(), POLLIN, 0};
      ASSERT_EQ(poll(&readable, 1, 10'000), 1) << "nothing was signalled";
      ring_->Disarm();
    }
  }

  template <typename Condition>
  static void LookAfterRetiredUntil(Condition condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) {
      std::this_thread::sleep_for(10ms);
      IoRing::CountRetired();
    }
    EXPECT_TRUE(condition());
  }

  IoRing::Owner ring_;
  std::vector<int> results_;
};

TEST_F(IoRingTest, LoopThatPollsTheDescriptorIsToldOfWhatEnds) {
  const auto pipe = OpenSilentPipe();
  const SharedBuffer buffer = Buffer();
  const IoRing::Ticket read = ring_->StartRead(pipe, buffer, 0, 0, Noted());
  EXPECT_EQ(ring_->ResultOf(read), std::nullopt);
  std::jthread writer([&] {
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(write(pipe->fd(), "abc", 3), 3);
  });
  RunUntilNobodyWaits();
  EXPECT_EQ(results_, std::vector({3}));
  EXPECT_EQ(ring_->ResultOf(read), 3);
  EXPECT_EQ(buffer.bytes()[2], 'c');
}

TEST_F(IoRingTest, BelongsToTheThreadThatUsesItFirst) {
  const auto file = OpenPage();
  std::thread([&] {
    Read(file);
    RunUntilNobodyWaits();
  }).join();
  EXPECT_EQ(results_, std::vector({10}));
  EXPECT_THAT(ring_->status(), IsOk());
}

TEST_F(IoRingTest, OperationOfAnotherThreadIsRefusedAndTheRingGoesOn) {
  const auto file = OpenPage();
  Read(file);
  std::thread([&] { Read(file); }).join();
  RunUntilNobodyWaits();
  EXPECT_EQ(results_, std::vector({-EEXIST, 10}));
  EXPECT_THAT(IoRing::StatusOf(ring_.get(), -EEXIST),
              IsError(kFailedPrecondition, HasSubstr("belongs to the thread")));
  EXPECT_THAT(ring_->status(), IsOk());
}

TEST_F(IoRingTest, SubmissionByAnotherThreadEndsEverythingInWords) {
  const auto pipe = OpenSilentPipe();
  const auto file = OpenPage();
  ReadInKernel(pipe);
  Read(file);
  std::thread([&] { EXPECT_FALSE(ring_->Submit()); }).join();
  TellAll();
  // Whoever's loop it is, nothing keeps it from sleeping.
  std::thread([&] { EXPECT_TRUE(ring_->Arm()); }).join();
  EXPECT_EQ(results_, std::vector({-EEXIST, -EEXIST}));
  EXPECT_THAT(ring_->status(),
              IsError(kFailedPrecondition, HasSubstr("belongs to the thread")));
  Read(file);
  TellAll();
  EXPECT_EQ(results_, std::vector(3, -EEXIST));
  EXPECT_EQ(file.use_count(), 1);
  EXPECT_TRUE(IoRing::Close(std::move(ring_), 10s));
  EXPECT_EQ(pipe.use_count(), 1) << "not given back to its own thread";
}

TEST_F(IoRingTest, ForbiddenSetupIsAStatus) {
  for (const int error : {EPERM, ENOSYS, EMFILE}) {
    RunForbidding(SYS_io_uring_setup, error, [&] {
      EXPECT_THAT(IoRing::Open().status(),
                  IsError(absl::ErrnoToStatusCode(error),
                          HasSubstr("io_uring_setup: ")));
    });
  }
}

TEST_F(IoRingTest, ErrorForGoodEndsWhatIsQueuedAndAllThatFollows) {
  const struct {
    int call, error;
    const char* message;
  } cases[] = {{SYS_io_uring_enter, EPERM,
                "io_uring_enter: Operation not permitted; a sandbox"},
               {SYS_io_uring_register, EACCES, "io_uring_register"}};
  const auto file = OpenPage();
  for (const auto& [call, error, message] : cases) {
    results_.clear();
    ring_ = *IoRing::Open();
    RunForbidding(call, error, [&, error = error, message = message] {
      Read(file);
      Read(file);
      EXPECT_FALSE(ring_->Submit());
      TellAll();
      Read(file);
      TellAll();
      EXPECT_EQ(results_, std::vector(3, -error));
      EXPECT_THAT(ring_->status(),
                  IsError(kPermissionDenied, HasSubstr(message)));
      EXPECT_EQ(file.use_count(), 1) << "owned though the kernel has nothing";
      ring_.reset();
    });
  }
}

TEST_F(IoRingTest, KernelThatIsShortOfMemoryIsAskedAgainLater) {
  for (const int error : {EAGAIN, EBUSY, EINTR}) {
    IoRing::Owner ring = IoRing::Open().value();
    RunForbidding(SYS_io_uring_enter, error, [&] {
      const IoRing::Ticket read =
          ring->StartRead(OpenPage(), Buffer(), 0, 0, nullptr);
      EXPECT_TRUE(ring->Submit());
      EXPECT_TRUE(ring->HasWork());
      EXPECT_EQ(ring->ResultOf(read), std::nullopt);
      EXPECT_THAT(ring->status(), IsOk());
      ring.reset();
    });
  }
}

TEST_F(IoRingTest, CancelledOperationHasEndedAtOnceAndOnce) {
  const auto pipe = OpenSilentPipe();
  for (const bool submitted : {false, true}) {
    const IoRing::Ticket read = submitted ? ReadInKernel(pipe) : Read(pipe);
    ring_->Cancel(read);
    ring_->Cancel(read);
    EXPECT_EQ(ring_->ResultOf(read), -ECANCELED);
    TellAll();
    EXPECT_FALSE(ring_->Submit());
    EXPECT_EQ(pipe.use_count(), 1) << submitted;
    ring_->Cancel(read);
  }
  RunUntilNobodyWaits();
  EXPECT_EQ(results_, std::vector({-ECANCELED, -ECANCELED}));
  EXPECT_TRUE(IoRing::Close(std::move(ring_), 10s));
}

TEST_F(IoRingTest, CancellationDoesNotMeetWhatWasStartedSince) {
  const auto pipe = OpenSilentPipe();
  const auto file = OpenPage();
  for (int i = 0; i < 1000; ++i) {
    ring_->Cancel(Read(pipe));
    Read(file);
    if (i % 7 == 0) ring_->Submit();
    TellAll();
  }
  RunUntilNobodyWaits();
  EXPECT_EQ(std::count(results_.begin(), results_.end(), 10), 1000);
}

TEST_F(IoRingTest, LaneLetsSoManyToTheKernel) {
  const auto pipe = OpenSilentPipe();
  const auto file = OpenPage();
  const auto lane = IoRing::MakeLane(2);
  const IoRing::Ticket first = Read(pipe, lane);
  Read(pipe, lane);
  const IoRing::Ticket last = Read(pipe, lane);
  Read(file, lane);
  EXPECT_FALSE(ring_->Submit());
  ring_->Cancel(last);
  TellAll();
  EXPECT_EQ(results_, std::vector({-ECANCELED}));
  EXPECT_FALSE(ring_->Submit());
  EXPECT_FALSE(ring_->HasEnded());
  ring_->Cancel(first);
  TellAll();
  for (int i = 0; i < 1000 && results_.size() < 3; ++i) {
    EXPECT_FALSE(ring_->Submit());
    TellAll();
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(results_, std::vector({-ECANCELED, -ECANCELED, 10}));
}

TEST_F(IoRingTest, RetiredOnHungStorageKeepsWhatTheKernelHas) {
  std::shared_ptr<const File> file;
  const SharedBuffer buffer(PageBuffer(4096));
  {
    SlowZeros mount(0ms, {"--hang_at=page:0"});
    if (!mount.ok()) GTEST_SKIP() << mount.reason();
    file = OpenFile(mount.page());
    ring_->StartRead(file, buffer, 0, 0, [](int /*result*/) {
      ADD_FAILURE() << "somebody was told";
    });
    EXPECT_FALSE(ring_->Submit());
    std::this_thread::sleep_for(50ms);  // until a thread of the kernel has it
    ring_.reset();
    EXPECT_GE(IoRing::CountRetired(), 1u);
    EXPECT_EQ(buffer.owner().use_count(), 2);
    EXPECT_EQ(file.use_count(), 2);
  }
  // The server has ended, and with it what waited for it.
  LookAfterRetiredUntil([&] { return buffer.owner().use_count() == 1; });
  EXPECT_EQ(file.use_count(), 1);
}

TEST_F(IoRingTest, RetiredWithItsThreadIsGoneWhenThatHasEnded) {
  const auto pipe = OpenSilentPipe();
  const SharedBuffer buffer = Buffer();
  std::thread([&] {
    ring_->StartRead(pipe, buffer, 0, 0, nullptr);
    EXPECT_FALSE(ring_->Submit());
  }).join();
  EXPECT_TRUE(IoRing::Close(std::move(ring_), {}));
  EXPECT_EQ(pipe.use_count(), 1);
  EXPECT_EQ(buffer.owner().use_count(), 1);
}

TEST_F(IoRingTest, BufferThatTheDeviceMayWriteToOutlivesItsThread) {
  SKIP_IF_IN_MEMORY(directory_.path());
  const std::string path =
      directory_.Write("direct", std::vector<uint8_t>(1 << 20, 7));
  auto direct = File::OpenDirect(path);
  if (absl::IsUnimplemented(direct.status())) GTEST_SKIP() << direct.status();
  const auto file = std::make_shared<const File>(*std::move(direct));
  const SharedBuffer buffer(PageBuffer(1 << 20));
  std::thread([&] {
    ring_->StartRead(file, buffer, 0, 0, nullptr);
    EXPECT_FALSE(ring_->Submit());
  }).join();
  EXPECT_TRUE(IoRing::Close(std::move(ring_), {}));
  EXPECT_EQ(file.use_count(), 1);
  EXPECT_EQ(buffer.owner().use_count(), 2) << "is free for others";
}

TEST_F(IoRingTest, ClosedByAnotherThreadIsCancelledByItsOwn) {
  const auto pipe = OpenSilentPipe();
  ReadInKernel(pipe);
  std::thread([&] { ring_.reset(); }).join();
  EXPECT_EQ(pipe.use_count(), 2);
  LookAfterRetiredUntil([&] { return pipe.use_count() == 1; });
}

TEST_F(IoRingTest, AbandonedIsNotToldThoughItHasEnded) {
  const auto file = OpenPage();
  IoRing::Ticket second;
  IoRing::Done untold;
  ring_->StartRead(file, Buffer(), 0, 0,
                   [&](int /*result*/) { untold = ring_->Abandon(second); });
  second = Read(file);
  EXPECT_EQ(ring_->waiting(), 2u);
  RunUntilNobodyWaits();
  EXPECT_TRUE(untold);
  EXPECT_TRUE(results_.empty());
  EXPECT_EQ(ring_->waiting(), 0u);
}

TEST_F(IoRingTest, OffsetThatIsNoneIsRefused) {
  const auto file = OpenPage();
  for (const uint64_t offset :
       {UINT64_MAX, uint64_t{1} << 63, uint64_t{INT64_MAX}}) {
    const IoRing::Ticket read =
        ring_->StartRead(file, Buffer(), offset, 0, nullptr);
    EXPECT_EQ(ring_->ResultOf(read), -EINVAL);
  }
}

TEST_F(IoRingTest, HungWhenItsThreadEndedIsGoneWhenStorageAnswers) {
  auto mount = std::make_unique<SlowZeros>(
      0ms, std::vector<std::string>{"--hang_at=page:0"});
  if (!mount->ok()) GTEST_SKIP() << mount->reason();
  const auto mapping = Map(*OpenFile(mount->page()));
  std::atomic<bool> retired = false;
  std::thread owner([&] {
    ring_->StartAdvise(mapping, 0, mapping->bytes().size(),
                       kMadvisePopulateRead, nullptr);
    EXPECT_FALSE(ring_->Submit());
    std::this_thread::sleep_for(50ms);  // until a thread of the kernel has it
    ring_.reset();
    retired = true;
  });
  while (!retired) std::this_thread::sleep_for(1ms);
  EXPECT_GE(IoRing::CountRetired(), 1u);
  EXPECT_EQ(mapping.use_count(), 2);
  mount.reset();
  owner.join();
  LookAfterRetiredUntil([&] { return mapping.use_count() == 1; });
}

TEST_F(IoRingTest, ClosesOnAKernelWithoutAWaitThatHasALimit) {
  SlowZeros mount(50ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  pretends_linux_510 = true;
  auto ring = IoRing::Open();
  pretends_linux_510 = false;
  ASSERT_THAT(ring, IsOk());
  ring_ = *std::move(ring);
  const auto file = OpenFile(mount.large());
  for (uint64_t page = 0; page < 4; ++page) {
    ring_->StartRead(file, SharedBuffer(PageBuffer(10)), page * 4096, 0,
                     nullptr);
  }
  ring_->Submit();
  EXPECT_TRUE(IoRing::Close(std::move(ring_), 30s));
  EXPECT_EQ(file.use_count(), 1);
}

TEST_F(IoRingTest, LaneAndOperationOfAnotherRingAreLeftAlone) {
  const auto pipe = OpenSilentPipe();
  const auto lane = IoRing::MakeLane(1);
  const IoRing::Ticket read = Read(pipe, lane);
  ring_->Submit();
  const IoRing::Owner other = IoRing::Open().value();
  const IoRing::Ticket refused =
      other->StartRead(pipe, Buffer(), 0, 0, nullptr, lane);
  EXPECT_EQ(other->ResultOf(refused), -EXDEV);
  EXPECT_THAT(
      IoRing::StatusOf(other.get(), -EXDEV),
      IsError(kFailedPrecondition, HasSubstr("belongs to another ring")));
  IoRing::Done done = [](int) { ADD_FAILURE(); };
  EXPECT_FALSE(other->Tell(read, done));
  other->Cancel(read);
  EXPECT_FALSE(other->Abandon(read));
  EXPECT_EQ(ring_->ResultOf(read), std::nullopt);
  EXPECT_NE(other->id(), ring_->id());
}

TEST_F(IoRingTest, AdviceOnMoreThanTheKernelTakesIsRefused) {
  const std::string path = directory_.path("sparse");
  ASSERT_EQ(close(creat(path.c_str(), 0600)), 0);
  ASSERT_EQ(truncate(path.c_str(), int64_t{1} << 32), 0);
  const auto mapping = Map(*OpenFile(path));
  const IoRing::Ticket advice = ring_->StartAdvise(
      mapping, 0, mapping->bytes().size(), MADV_RANDOM, nullptr);
  EXPECT_EQ(ring_->ResultOf(advice), -EINVAL);
  EXPECT_EQ(mapping.use_count(), 1);
}

TEST_F(IoRingTest, SomebodyIsToldOnce) {
  const IoRing::Ticket read = Read(OpenPage());
  IoRing::Done other = Noted();
  EXPECT_FALSE(ring_->Tell(read, other));
  RunUntilNobodyWaits();
  EXPECT_EQ(results_, std::vector({10}));
  EXPECT_TRUE(ring_->Tell(read, other));
  ring_->Abandon(read);
  IoRing::Done again = Noted();
  EXPECT_TRUE(ring_->Tell(read, again));
  TellAll();
  EXPECT_EQ(results_, std::vector({10, 10}));
  EXPECT_EQ(ring_->waiting(), 0u);
}

TEST_F(IoRingTest, CancelledWhileOthersWaitLeavesTheirOrder) {
  const auto lane = IoRing::MakeLane(1);
  const auto pipe = OpenSilentPipe();
  std::vector<IoRing::Ticket> reads;
  reads.reserve(9);
  for (int i = 0; i < 9; ++i) {
    reads.push_back(ring_->StartRead(
        pipe, SharedBuffer(PageBuffer(1)), 0, 0,
        [this, i](int result) { results_.push_back(result < 0 ? -i : i); },
        lane));
  }
  for (const int i : {0, 8, 4, 3}) ring_->Cancel(reads[i]);
  ASSERT_EQ(write(pipe->fd(), "abcdefghi", 9), 9);
  RunUntilNobodyWaits();
  EXPECT_EQ(results_, std::vector({0, -8, -4, -3, 1, 2, 5, 6, 7}));
}

TEST_F(IoRingTest, ChildThatUsesItTakesNothingOfItsParents) {
  const auto pipe = OpenSilentPipe();
  const auto file = OpenPage();
  ReadInKernel(pipe);
  EXPECT_TRUE(ring_->Arm());
  Read(pipe);
  ExpectInAChild([&] {
    Read(file);
    const bool refused = ring_->HasEnded() && !ring_->Submit();
    TellAll();
    const absl::Status status = ring_->status();
    ring_->Disarm();
    return refused && results_ == std::vector(3, -EEXIST) &&
           absl::IsFailedPrecondition(status) &&
           status.message().find("of which this is a child") !=
               std::string::npos &&
           IoRing::Close(std::move(ring_), 1s) && pipe.use_count() == 1;
  });
  ASSERT_EQ(write(pipe->fd(), "abc", 3), 3);
  pollfd readable = {ring_->descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&readable, 1, 10'000), 1) << "the child took the signal";
  ring_->Disarm();
  ring_->Submit();
  TellAll();
  EXPECT_EQ(results_, std::vector({3}));
  ASSERT_EQ(write(pipe->fd(), "abc", 3), 3);
  RunUntilNobodyWaits();
  EXPECT_EQ(results_, std::vector({3, 3}));
}

TEST_F(IoRingTest, ChildMayCloseItAndOpenItsOwn) {
  const auto pipe = OpenSilentPipe();
  const auto file = OpenPage();
  for (int i = 0; i < 3; ++i) Read(pipe);
  EXPECT_FALSE(ring_->Submit());
  ExpectInAChild([&] {
    ring_.reset();
    const bool mine = pipe.use_count() == 1 && IoRing::CountRetired() == 0;
    ring_ = *IoRing::Open();
    Read(file);
    RunUntilNobodyWaits();
    ring_.reset();
    return mine && results_ == std::vector({10}) && file.use_count() == 1;
  });
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(write(pipe->fd(), "abc", 3), 3);
    // One read may take what another one was woken for.
    while (results_.size() <= static_cast<size_t>(i)) {
      ASSERT_FALSE(ring_->Submit());
      TellAll();
    }
  }
  EXPECT_EQ(results_, std::vector({3, 3, 3}));
}

// The kernel ends what it has no thread for as if that had been cancelled.
TEST_F(IoRingTest, ThreadThatTheKernelCannotStartIsAnErrorAndNoCancellation) {
  const auto mapping = Map(*OpenPage());
  ExpectInAChild([&] {
    const rlimit none = {0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0) return false;
    // Root has no such limit (setrlimit(2)).
    if (geteuid() == 0 && setuid(65534) != 0) return false;
    ring_ = *IoRing::Open();
    ring_->StartAdvise(mapping, 0, 4096, MADV_WILLNEED, Noted());
    RunUntilNobodyWaits();
    return results_ == std::vector({-EAGAIN});
  });
}

TEST_F(IoRingTest, ChildHasNoneOfTheRetired) {
  const auto pipe = OpenSilentPipe();
  ReadInKernel(pipe);
  std::thread([&] { ring_.reset(); }).join();
  ExpectInAChild(
      [&] { return IoRing::CountRetired() == 0 && pipe.use_count() == 1; });
  EXPECT_EQ(pipe.use_count(), 2);
  ASSERT_EQ(write(pipe->fd(), "abc", 3), 3);
  LookAfterRetiredUntil([&] { return pipe.use_count() == 1; });
}

TEST_F(IoRingTest, TicketMayOutliveTheRing) {
  const IoRing::Ticket read = Read(OpenSilentPipe());
  ring_.reset();
  EXPECT_TRUE(results_.empty());
}

}  // namespace
}  // namespace pagestall
