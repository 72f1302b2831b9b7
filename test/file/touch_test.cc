#include "lib/file/touch.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <thread>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "test/bus_error.h"
#include "test/page.h"
#include "test/sanitized.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using testing::AllOf;
using testing::HasSubstr;

uint64_t SumOf(absl::Span<const uint8_t> bytes) {
  uint64_t sum = 0;
  for (const uint8_t byte : bytes) sum += byte;
  return sum;
}

class TouchTest : public testing::Test {
 protected:
  // Maps a file of four pages and truncates it to `pages`.
  Mapping MapTruncated(const std::string& name, size_t pages) {
    const std::string path =
        directory_.Write(name, std::vector<uint8_t>(4 * kPage, 1));
    const auto file = File::Open(path, O_RDONLY);
    auto mapping = Mapping::Map(*file);
    EXPECT_THAT(mapping, IsOk());
    EXPECT_EQ(truncate(path.c_str(), static_cast<off_t>(pages * kPage)), 0);
    return *std::move(mapping);
  }

  absl::Status TouchFrom(const Mapping& mapping, const std::string& name,
                         size_t offset) {
    const auto bytes = mapping.bytes().subspan(offset);
    return Touch(bytes, directory_.path(name), offset,
                 [&] { sum_ = SumOf(bytes); });
  }

  TemporaryDirectory directory_;
  volatile uint64_t sum_ = 0;
};

TEST_F(TouchTest, BytesThatAreThereAreTouchedOnce) {
  const BusErrorsCaught caught;
  const Mapping mapping = MapTruncated("file", 4);
  EXPECT_THAT(TouchFrom(mapping, "file", kPage), IsOk());
  EXPECT_EQ(sum_, 3 * kPage);
}

TEST_F(TouchTest, TruncatedFileIsAStatusThatNamesTheByte) {
  const BusErrorsCaught caught;
  const Mapping mapping = MapTruncated("file", 2);
  EXPECT_THAT(
      TouchFrom(mapping, "file", kPage),
      IsError(absl::StatusCode::kDataLoss,
              AllOf(HasSubstr("touch byte 8192 of '"), HasSubstr("file'"),
                    HasSubstr("the file was truncated to 8192 bytes"))));
  EXPECT_EQ(sum_, kPage) << "zeros from there on";
  EXPECT_THAT(Touch(mapping.bytes().first(kPage), directory_.path("file"), 0,
                    [&] { sum_ = SumOf(mapping.bytes().first(kPage)); }),
              IsOk());
}

TEST_F(TouchTest, RemovedFileIsNamedAsWell) {
  const BusErrorsCaught caught;
  const Mapping mapping = MapTruncated("file", 1);
  unlink(directory_.path("file").c_str());
  EXPECT_THAT(TouchFrom(mapping, "file", 0),
              IsError(absl::StatusCode::kDataLoss,
                      HasSubstr("No such file or directory")));
}

TEST_F(TouchTest, EachThreadGetsItsOwnError) {
  const BusErrorsCaught caught;
  constexpr int kThreads = 4;
  std::vector<Mapping> mappings;
  mappings.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    mappings.push_back(MapTruncated(std::to_string(i), i + 1));
  }
  std::vector<absl::Status> statuses(kThreads);
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        const auto bytes = mappings[i].bytes();
        statuses[i] = Touch(bytes, directory_.path(std::to_string(i)), 0, [&] {
          const volatile uint64_t sum = SumOf(bytes);
          static_cast<void>(sum);
        });
      });
    }
  }
  for (int i = 0; i < kThreads - 1; ++i) {
    EXPECT_THAT(std::string(statuses[i].message()),
                HasSubstr("byte " + std::to_string((i + 1) * kPage) + " of"));
  }
  EXPECT_THAT(statuses.back(), IsOk()) << "whose file is whole";
}

TEST_F(TouchTest, BytesThatAreLostAreSoForEveryTouch) {
  const BusErrorsCaught caught;
  const Mapping mapping = MapTruncated("file", 1);
  EXPECT_THAT(TouchFrom(mapping, "file", 2 * kPage),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("byte 8192 of")));
  EXPECT_THAT(TouchFrom(mapping, "file", 3 * kPage),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("byte 12288 of")));
  EXPECT_THAT(TouchFrom(mapping, "file", 0),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("byte 4096 of")));
}

TEST_F(TouchTest, NoThreadTakesZerosForBytesThatAnotherFoundLost) {
  const BusErrorsCaught caught;
  constexpr int kRounds = 50;
  constexpr int kThreads = 2;
  for (int round = 0; round < kRounds; ++round) {
    const Mapping mapping = MapTruncated("file", 1);
    std::vector<absl::Status> statuses(kThreads);
    std::barrier together(kThreads);
    {
      std::vector<std::jthread> threads;
      threads.reserve(kThreads);
      for (absl::Status& status : statuses) {
        threads.emplace_back([&] {
          together.arrive_and_wait();
          status = Touch(mapping.bytes(), directory_.path("file"), 0, [&] {
            const volatile uint64_t sum = SumOf(mapping.bytes());
            static_cast<void>(sum);
          });
        });
      }
    }
    for (const absl::Status& status : statuses) {
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss)
          << "round " << round;
    }
  }
}

TEST_F(TouchTest, AddressesThatAreMappedAnewAreNotLost) {
  const BusErrorsCaught caught;
  const uint8_t* lost = nullptr;
  {
    const Mapping mapping = MapTruncated("lost", 1);
    lost = mapping.bytes().data();
    EXPECT_FALSE(TouchFrom(mapping, "lost", 0).ok());
  }
  const Mapping mapping = MapTruncated("whole", 4);
  if (mapping.bytes().data() != lost) GTEST_SKIP() << "was mapped elsewhere";
  EXPECT_THAT(TouchFrom(mapping, "whole", 0), IsOk());
  EXPECT_EQ(sum_, 4 * kPage);
}

TEST_F(TouchTest, MappingWhereSomebodyElseHasUnmappedLostBytesIsWhole) {
  const BusErrorsCaught caught;
  const std::string path =
      directory_.Write("plain", std::vector<uint8_t>(4 * kPage, 1));
  const auto file = File::Open(path, O_RDONLY);
  void* const plain =
      mmap(nullptr, 4 * kPage, PROT_READ, MAP_SHARED, file->fd(), 0);
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  const absl::Span<const uint8_t> bytes(static_cast<const uint8_t*>(plain),
                                        4 * kPage);
  EXPECT_FALSE(Touch(bytes, path, 0, [&] { sum_ = SumOf(bytes); }).ok());
  munmap(plain, 4 * kPage);
  const Mapping mapping = MapTruncated("whole", 4);
  if (mapping.bytes().data() != plain) GTEST_SKIP() << "was mapped elsewhere";
  EXPECT_THAT(TouchFrom(mapping, "whole", 0), IsOk());
  EXPECT_EQ(sum_, 4 * kPage);
}

TEST_F(TouchTest, NothingIsLostOfNoBytes) {
  const BusErrorsCaught caught;
  const Mapping mapping = MapTruncated("file", 1);
  EXPECT_FALSE(TouchFrom(mapping, "file", 0).ok());
  EXPECT_THAT(Touch(mapping.bytes().subspan(2 * kPage + 5, 0),
                    directory_.path("file"), 2 * kPage + 5, [] {}),
              IsOk());
}

TEST_F(TouchTest, FormerDispositionIsPutBackByTheLast) {
  struct sigaction before {};
  struct sigaction now {};
  sigaction(SIGBUS, nullptr, &before);
  {
    const BusErrorsCaught first;
    { const BusErrorsCaught second; }
    sigaction(SIGBUS, nullptr, &now);
    EXPECT_NE(now.sa_sigaction, before.sa_sigaction);
  }
  sigaction(SIGBUS, nullptr, &now);
  EXPECT_EQ(now.sa_sigaction, before.sa_sigaction);
}

constexpr const char* kReport = kSanitized ? "Sanitizer: BUS" : "";

class TouchDeathTest : public TouchTest {
 protected:
  // Of a process that is to die.
  void RemoveDirectory() const {
    std::filesystem::remove_all(directory_.path());
  }
};

TEST_F(TouchDeathTest, FaultOfWhatNobodyTouchesEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const BusErrorsCaught caught;
  const Mapping mapping = MapTruncated("file", 1);
  EXPECT_EXIT(
      {
        RemoveDirectory();
        sum_ = SumOf(mapping.bytes());
      },
      DiedOfBusError, kReport);
  const auto first = mapping.bytes().first(kPage);
  EXPECT_EXIT(
      {
        RemoveDirectory();
        const absl::Status status =
            Touch(first, directory_.path("file"), 0,
                  [&] { sum_ = SumOf(mapping.bytes()); });
        sum_ = status.ok() ? 1 : 0;
      },
      DiedOfBusError, kReport)
      << "these bytes are not among those that were announced";
}

TEST_F(TouchDeathTest, TouchWithinATouchHasAnErrorOfItsOwn) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const BusErrorsCaught caught;
  const Mapping outer = MapTruncated("outer", 2);
  const Mapping inner = MapTruncated("inner", 1);
  const Mapping whole = MapTruncated("whole", 4);
  EXPECT_EXIT(
      {
        absl::Status lost;
        absl::Status read;
        const absl::Status status =
            Touch(outer.bytes(), directory_.path("outer"), 0, [&] {
              lost = TouchFrom(inner, "inner", 0);
              read = TouchFrom(whole, "whole", 0);
              sum_ = SumOf(outer.bytes());
            });
        std::cerr << status << "; " << lost << "; " << read << std::endl;
        RemoveDirectory();
        std::exit(0);
      },
      testing::ExitedWithCode(0),
      "byte 8192 of '.*outer': .*byte 4096 of '.*inner': .*; OK");
}

TEST_F(TouchDeathTest, TouchThatWasLeftByAnExceptionClaimsNothing) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const BusErrorsCaught caught;
  const Mapping mapping = MapTruncated("file", 1);
  EXPECT_EXIT(
      {
        try {
          static_cast<void>(Touch(mapping.bytes(), directory_.path("file"), 0,
                                  [] { throw std::exception(); }));
        } catch (const std::exception& /*of the touch*/) {
          RemoveDirectory();
          sum_ = SumOf(mapping.bytes());
        }
      },
      DiedOfBusError, kReport);
}

TEST_F(TouchDeathTest, ChildAndLaterThreadsAreCovered) {
  testing::GTEST_FLAG(death_test_style) = "fast";  // a child of this process
  const BusErrorsCaught caught;
  const Mapping mapping = MapTruncated("file", 1);
  EXPECT_EXIT(
      {
        absl::Status status;
        std::thread([&] { status = TouchFrom(mapping, "file", 0); }).join();
        std::cerr << status << std::endl;
        _exit(0);
      },
      testing::ExitedWithCode(0), "byte 4096 of");
}

// What the handler of another signal touches, page by page.
const volatile uint8_t* next_of_handler = nullptr;
const volatile uint8_t* first_of_handler = nullptr;

void TouchNext(int /*signal*/) {
  if (next_of_handler == first_of_handler) return;
  static_cast<void>(*next_of_handler);
  next_of_handler = next_of_handler - kPage;
}

TEST_F(TouchDeathTest, HandlerOfAnotherSignalMayTouchWhatIsLost) {
  if (kSanitized) GTEST_SKIP() << "may block SIGBUS in a signal's handler";
  testing::GTEST_FLAG(death_test_style) = "fast";
  const BusErrorsCaught caught;
  constexpr size_t kLostPages = 4000;
  const std::string path = directory_.Write("file", {1});
  ASSERT_EQ(truncate(path.c_str(), kLostPages * kPage), 0);
  const auto file = File::Open(path, O_RDONLY);
  const auto mapping = Mapping::Map(*file);
  ASSERT_THAT(mapping, IsOk());
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  first_of_handler = mapping->bytes().data();
  next_of_handler = first_of_handler + (kLostPages - 1) * kPage;
  const Mapping partly = MapTruncated("partly", 1);
  ASSERT_FALSE(TouchFrom(partly, "partly", 0).ok());
  const auto healthy = partly.bytes().first(1);
  EXPECT_EXIT(
      {
        alarm(60);
        signal(SIGUSR1, TouchNext);
        bool is_healthy = true;
        const absl::Status status = Touch(mapping->bytes(), path, 0, [&] {
          // Not before: what the handler touches is to be announced.
          std::atomic<bool> done = false;
          std::thread sender([&, self = pthread_self()] {
            while (!done) {
              pthread_kill(self, SIGUSR1);
              usleep(10);
            }
          });
          while (next_of_handler != first_of_handler) {
            is_healthy &=
                Touch(healthy, "", 0, [&] { sum_ = SumOf(healthy); }).ok();
          }
          done = true;
          sender.join();
        });
        _exit(is_healthy && absl::IsDataLoss(status) ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(TouchDeathTest, SignalThatWasSentEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const BusErrorsCaught caught;
  EXPECT_EXIT(
      {
        RemoveDirectory();
        kill(getpid(), SIGBUS);
      },
      DiedOfBusError, kReport);
}

}  // namespace
}  // namespace pagestall
