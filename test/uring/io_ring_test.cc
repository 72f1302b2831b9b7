// The ring without an executor: threads, errors for good, and what the kernel
// does not give back.

#include "lib/uring/io_ring.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
#include "test/forbidden_call.h"
#include "test/on_disk.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

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

class IoRingTest : public testing::Test {
 protected:
  void SetUp() override {
    auto ring = IoRing::Open();
    if (absl::IsUnimplemented(ring.status()) ||
        absl::IsPermissionDenied(ring.status())) {
      GTEST_SKIP() << ring.status();
    }
    ASSERT_THAT(ring, IsOk());
    ring_ = *std::move(ring);
  }

  static std::shared_ptr<const File> Open(const std::string& path, int flags) {
    return std::make_shared<const File>(*File::Open(path, flags));
  }

  std::shared_ptr<const File> OpenFile() {
    return Open(directory_.Write("file", std::vector<uint8_t>(4096, 7)),
                O_RDONLY);
  }

  std::shared_ptr<const File> OpenSilentPipe() {
    const std::string path = directory_.path("pipe");
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return Open(path, O_RDWR);
  }

  IoRing::Ticket Read(std::shared_ptr<const File> file) {
    return ring_->StartRead(std::move(file), SharedBuffer(PageBuffer(10)), 0, 0,
                            [this](int result) { results_.push_back(result); });
  }

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

  TemporaryDirectory directory_;
  IoRing::Owner ring_;
  std::vector<int> results_;
};

TEST_F(IoRingTest, LoopThatPollsTheDescriptorIsToldOfWhatEnds) {
  const auto pipe = OpenSilentPipe();
  const SharedBuffer buffer(PageBuffer(10));
  const IoRing::Ticket read = ring_->StartRead(
      pipe, buffer, 0, 0, [this](int result) { results_.push_back(result); });
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
  const auto file = OpenFile();
  std::thread([&] {
    Read(file);
    RunUntilNobodyWaits();
  }).join();
  EXPECT_EQ(results_, std::vector({10}));
  EXPECT_THAT(ring_->status(), IsOk());
}

TEST_F(IoRingTest, OperationOfAnotherThreadIsRefusedAndTheRingGoesOn) {
  const auto file = OpenFile();
  Read(file);
  std::thread([&] { Read(file); }).join();
  RunUntilNobodyWaits();
  EXPECT_EQ(results_, std::vector({-EEXIST, 10}));
  EXPECT_THAT(IoRing::StatusOf(ring_.get(), -EEXIST),
              IsError(absl::StatusCode::kFailedPrecondition,
                      HasSubstr("belongs to the thread")));
  EXPECT_THAT(ring_->status(), IsOk());
}

TEST_F(IoRingTest, SubmissionByAnotherThreadEndsEverythingInWords) {
  const auto pipe = OpenSilentPipe();
  Read(pipe);
  EXPECT_FALSE(ring_->Submit());
  Read(pipe);
  std::thread([&] { EXPECT_FALSE(ring_->Submit()); }).join();
  TellAll();
  // Whoever's loop it is, nothing keeps it from sleeping.
  std::thread([&] { EXPECT_TRUE(ring_->Arm()); }).join();
  EXPECT_EQ(results_, std::vector({-EEXIST, -EEXIST}));
  EXPECT_THAT(ring_->status(), IsError(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("belongs to the thread")));
  Read(pipe);
  TellAll();
  EXPECT_EQ(results_.back(), -EEXIST);
}

TEST_F(IoRingTest, ForbiddenSetupIsAStatus) {
  for (const int error : {EPERM, ENOSYS, EMFILE}) {
    const bool filtered = RunForbidding(SYS_io_uring_setup, error, [&] {
      EXPECT_THAT(IoRing::Open().status(),
                  IsError(absl::ErrnoToStatusCode(error),
                          HasSubstr("io_uring_setup: ")));
    });
    if (!filtered) GTEST_SKIP() << "no seccomp here";
  }
}

TEST_F(IoRingTest, ErrorForGoodEndsWhatIsQueuedAndAllThatFollows) {
  const auto pipe = OpenSilentPipe();
  const bool filtered = RunForbidding(SYS_io_uring_enter, EPERM, [&] {
    Read(pipe);
    Read(pipe);
    EXPECT_FALSE(ring_->Submit());
    TellAll();
    Read(pipe);
    TellAll();
    EXPECT_EQ(results_, std::vector(3, -EPERM));
    EXPECT_THAT(ring_->status(),
                IsError(absl::StatusCode::kPermissionDenied,
                        HasSubstr("io_uring_enter: Operation not permitted; a "
                                  "sandbox")));
    EXPECT_EQ(pipe.use_count(), 1) << "owned though the kernel has nothing";
    ring_.reset();
  });
  if (!filtered) GTEST_SKIP() << "no seccomp here";
}

TEST_F(IoRingTest, ErrorForGoodOfARegistrationIsToldAsWell) {
  const auto file = OpenFile();
  const bool filtered = RunForbidding(SYS_io_uring_register, EACCES, [&] {
    Read(file);
    EXPECT_FALSE(ring_->Submit());
    TellAll();
    EXPECT_EQ(results_, std::vector({-EACCES}));
    EXPECT_THAT(ring_->status(), IsError(absl::StatusCode::kPermissionDenied,
                                         HasSubstr("io_uring_register")));
    ring_.reset();
  });
  if (!filtered) GTEST_SKIP() << "no seccomp here";
}

TEST_F(IoRingTest, KernelThatIsShortOfMemoryIsAskedAgainLater) {
  for (const int error : {EAGAIN, EBUSY, EINTR}) {
    auto ring = IoRing::Open();
    ASSERT_THAT(ring, IsOk());
    const bool filtered = RunForbidding(SYS_io_uring_enter, error, [&] {
      const IoRing::Ticket read = (*ring)->StartRead(
          OpenFile(), SharedBuffer(PageBuffer(10)), 0, 0, nullptr);
      EXPECT_TRUE((*ring)->Submit());
      EXPECT_TRUE((*ring)->HasWork());
      EXPECT_EQ((*ring)->ResultOf(read), std::nullopt);
      EXPECT_THAT((*ring)->status(), IsOk());
      ring->reset();
    });
    if (!filtered) GTEST_SKIP() << "no seccomp here";
  }
}

TEST_F(IoRingTest, CancelledOperationHasEndedAtOnce) {
  const auto pipe = OpenSilentPipe();
  for (const bool submitted : {false, true}) {
    const IoRing::Ticket read = Read(pipe);
    if (submitted) {
      EXPECT_FALSE(ring_->Submit());
    }
    ring_->Cancel(read);
    ring_->Cancel(read);
    EXPECT_EQ(ring_->ResultOf(read), -ECANCELED);
    TellAll();
    EXPECT_FALSE(ring_->Submit());
    EXPECT_EQ(pipe.use_count(), 1) << submitted;
  }
  EXPECT_EQ(results_, std::vector({-ECANCELED, -ECANCELED}));
}

TEST_F(IoRingTest, CancellationDoesNotMeetWhatWasStartedSince) {
  const auto pipe = OpenSilentPipe();
  const auto file = OpenFile();
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
  const auto file = OpenFile();
  const auto lane = IoRing::MakeLane(2);
  const auto start = [&](std::shared_ptr<const File> of) {
    return ring_->StartRead(
        std::move(of), SharedBuffer(PageBuffer(10)), 0, 0,
        [this](int result) { results_.push_back(result); }, lane);
  };
  const IoRing::Ticket first = start(pipe);
  start(pipe);
  const IoRing::Ticket last = start(pipe);
  start(file);
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
    file = Open(mount.page(), O_RDONLY);
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
  const SharedBuffer buffer(PageBuffer(10));
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
  const auto direct = File::OpenDirect(path);
  if (absl::IsUnimplemented(direct.status())) GTEST_SKIP() << direct.status();
  const auto file = std::make_shared<const File>(*File::OpenDirect(path));
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
  Read(pipe);
  EXPECT_FALSE(ring_->Submit());
  std::thread([&] { ring_.reset(); }).join();
  EXPECT_EQ(pipe.use_count(), 2);
  LookAfterRetiredUntil([&] { return pipe.use_count() == 1; });
}

TEST_F(IoRingTest, AbandonedIsNotToldThoughItHasEnded) {
  const auto file = OpenFile();
  IoRing::Ticket second;
  IoRing::Done untold;
  ring_->StartRead(file, SharedBuffer(PageBuffer(10)), 0, 0,
                   [&](int /*result*/) { untold = ring_->Abandon(second); });
  second = Read(file);
  EXPECT_EQ(ring_->waiting(), 2u);
  RunUntilNobodyWaits();
  EXPECT_TRUE(untold);
  EXPECT_TRUE(results_.empty());
  EXPECT_EQ(ring_->waiting(), 0u);
}

TEST_F(IoRingTest, OffsetThatIsNoneIsRefused) {
  const auto file = OpenFile();
  for (const uint64_t offset :
       {UINT64_MAX, uint64_t{1} << 63, uint64_t{INT64_MAX}}) {
    const IoRing::Ticket read = ring_->StartRead(
        file, SharedBuffer(PageBuffer(10)), offset, 0, nullptr);
    EXPECT_EQ(ring_->ResultOf(read), -EINVAL);
  }
}

TEST_F(IoRingTest, HungWhenItsThreadEndedIsGoneWhenStorageAnswers) {
  auto mount = std::make_unique<SlowZeros>(
      0ms, std::vector<std::string>{"--hang_at=page:0"});
  if (!mount->ok()) GTEST_SKIP() << mount->reason();
  const auto file = Open(mount->page(), O_RDONLY);
  auto mapped = Mapping::Map(*file);
  ASSERT_THAT(mapped, IsOk());
  const auto mapping = std::make_shared<const Mapping>(*std::move(mapped));
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
  const auto file = Open(mount.large(), O_RDONLY);
  for (uint64_t page = 0; page < 4; ++page) {
    ring_->StartRead(file, SharedBuffer(PageBuffer(10)), page * 4096, 0,
                     nullptr);
  }
  ring_->Submit();
  EXPECT_TRUE(IoRing::Close(std::move(ring_), 30s));
  EXPECT_EQ(file.use_count(), 1);
}

TEST_F(IoRingTest, BrokenByAnotherThreadIsGivenBackToItsOwn) {
  const auto pipe = OpenSilentPipe();
  const auto file = OpenFile();
  Read(pipe);
  EXPECT_FALSE(ring_->Submit());
  Read(file);
  std::thread([&] { EXPECT_FALSE(ring_->Submit()); }).join();
  TellAll();
  EXPECT_EQ(file.use_count(), 1);
  EXPECT_TRUE(IoRing::Close(std::move(ring_), 10s));
  EXPECT_EQ(pipe.use_count(), 1);
  EXPECT_EQ(results_, std::vector({-EEXIST, -EEXIST}));
}

TEST_F(IoRingTest, LaneOfAnotherRingIsRefused) {
  const auto pipe = OpenSilentPipe();
  const auto lane = IoRing::MakeLane(1);
  auto other = IoRing::Open();
  ASSERT_THAT(other, IsOk());
  const SharedBuffer buffer(PageBuffer(10));
  (*other)->StartRead(pipe, buffer, 0, 0, nullptr, lane);
  const IoRing::Ticket read =
      ring_->StartRead(pipe, buffer, 0, 0, nullptr, lane);
  EXPECT_EQ(ring_->ResultOf(read), -EXDEV);
  EXPECT_THAT(IoRing::StatusOf(ring_.get(), -EXDEV),
              IsError(absl::StatusCode::kFailedPrecondition,
                      HasSubstr("belongs to another ring")));
}

TEST_F(IoRingTest, OperationOfAnotherRingIsLeftAlone) {
  auto other = IoRing::Open();
  ASSERT_THAT(other, IsOk());
  const IoRing::Ticket read = Read(OpenSilentPipe());
  ring_->Submit();
  IoRing::Done done = [](int) { ADD_FAILURE(); };
  EXPECT_FALSE((*other)->Tell(read, done));
  (*other)->Cancel(read);
  EXPECT_FALSE((*other)->Abandon(read));
  EXPECT_EQ(ring_->ResultOf(read), std::nullopt);
  EXPECT_NE((*other)->id(), ring_->id());
}

TEST_F(IoRingTest, ToldAgainAfterItWasAbandonedIsToldOnce) {
  const IoRing::Ticket read = Read(OpenFile());
  ring_->Submit();
  while (!ring_->ResultOf(read)) ring_->Submit();
  ring_->Abandon(read);
  IoRing::Done done = [this](int result) { results_.push_back(result); };
  EXPECT_TRUE(ring_->Tell(read, done));
  TellAll();
  EXPECT_EQ(results_, std::vector({10}));
  EXPECT_EQ(ring_->waiting(), 0u);
}

TEST_F(IoRingTest, CancelledAgainAndAgainIsCancelledOnce) {
  const auto pipe = OpenSilentPipe();
  const IoRing::Ticket read = Read(pipe);
  ring_->Submit();
  for (int i = 0; i < 3; ++i) ring_->Cancel(read);
  ring_->Submit();
  ring_->Cancel(read);
  RunUntilNobodyWaits();
  EXPECT_EQ(results_, std::vector({-ECANCELED}));
  EXPECT_TRUE(IoRing::Close(std::move(ring_), 10s));
}

TEST_F(IoRingTest, AdviceOnMoreThanTheKernelTakesIsRefused) {
  const std::string path = directory_.path("sparse");
  ASSERT_EQ(close(creat(path.c_str(), 0600)), 0);
  ASSERT_EQ(truncate(path.c_str(), int64_t{1} << 32), 0);
  auto mapped = Mapping::Map(*Open(path, O_RDONLY));
  ASSERT_THAT(mapped, IsOk());
  const auto mapping = std::make_shared<const Mapping>(*std::move(mapped));
  const IoRing::Ticket advice = ring_->StartAdvise(
      mapping, 0, mapping->bytes().size(), MADV_RANDOM, nullptr);
  EXPECT_EQ(ring_->ResultOf(advice), -EINVAL);
  EXPECT_EQ(mapping.use_count(), 1);
}

TEST_F(IoRingTest, SomebodyIsToldOnce) {
  const IoRing::Ticket read = Read(OpenFile());
  bool told = false;
  IoRing::Done other = [&](int /*result*/) { told = true; };
  EXPECT_FALSE(ring_->Tell(read, other));
  RunUntilNobodyWaits();
  EXPECT_FALSE(told);
  EXPECT_TRUE(ring_->Tell(read, other));
  TellAll();
  EXPECT_TRUE(told);
  EXPECT_EQ(results_, std::vector({10}));
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

// Runs `child` in one. What is to be true there is its result.
template <typename Child>
void ExpectInAChild(Child child) {
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(60);
    _exit(child() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST_F(IoRingTest, ChildThatUsesItTakesNothingOfItsParents) {
  const auto pipe = OpenSilentPipe();
  const auto file = OpenFile();
  Read(pipe);
  EXPECT_FALSE(ring_->Submit());
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
  const auto file = OpenFile();
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
  const auto mapping =
      std::make_shared<const Mapping>(*Mapping::Map(*OpenFile()));
  ExpectInAChild([&] {
    const rlimit none = {0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0) return false;
    // Root has no such limit (setrlimit(2)).
    if (geteuid() == 0 && setuid(65534) != 0) return false;
    ring_ = *IoRing::Open();
    ring_->StartAdvise(mapping, 0, 4096, MADV_WILLNEED,
                       [this](int result) { results_.push_back(result); });
    RunUntilNobodyWaits();
    return results_ == std::vector({-EAGAIN});
  });
}

TEST_F(IoRingTest, ChildHasNoneOfTheRetired) {
  const auto pipe = OpenSilentPipe();
  Read(pipe);
  EXPECT_FALSE(ring_->Submit());
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
