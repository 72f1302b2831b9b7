// The ring without an executor: threads, errors for good, and what the kernel
// does not give back.

#include "lib/uring/io_ring.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/shared_buffer.h"
#include "test/forbidden_call.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

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
  EXPECT_THAT(ring_->StatusOf(-EEXIST),
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
  EXPECT_EQ(results_, std::vector({-EEXIST, -EEXIST}));
  EXPECT_THAT(ring_->status(), IsError(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("belongs to the thread")));
  Read(pipe);
  TellAll();
  EXPECT_EQ(results_.back(), -EEXIST);
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
  const size_t before = IoRing::CountRetired();
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
    EXPECT_EQ(IoRing::CountRetired(), before + 1);
    EXPECT_EQ(buffer.owner().use_count(), 2);
    EXPECT_EQ(file.use_count(), 2);
  }
  // The server has ended, and with it what waited for it.
  for (int i = 0; i < 1000 && IoRing::CountRetired() > before; ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(IoRing::CountRetired(), before);
  EXPECT_EQ(buffer.owner().use_count(), 1);
  EXPECT_EQ(file.use_count(), 1);
}

TEST_F(IoRingTest, RetiredByAnotherThreadIsLookedAfterByItsOwn) {
  const auto pipe = OpenSilentPipe();
  const size_t before = IoRing::CountRetired();
  Read(pipe);
  EXPECT_FALSE(ring_->Submit());
  std::thread([&] { ring_.reset(); }).join();
  EXPECT_EQ(IoRing::CountRetired(), before + 1);
  ASSERT_EQ(write(pipe->fd(), "abc", 3), 3);
  EXPECT_EQ(IoRing::CountRetired(), before);
  EXPECT_EQ(pipe.use_count(), 1);
  EXPECT_TRUE(results_.empty());
}

TEST_F(IoRingTest, TicketMayOutliveTheRing) {
  const IoRing::Ticket read = Read(OpenSilentPipe());
  ring_.reset();
  EXPECT_TRUE(results_.empty());
}

}  // namespace
}  // namespace pagestall
