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
#include <functional>
#include <iostream>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "test/bus_error.h"
#include "test/child.h"
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

void ReadAll(absl::Span<const uint8_t> bytes) {
  const volatile uint64_t sum = SumOf(bytes);
  static_cast<void>(sum);
}

class TouchTest : public testing::Test {
 protected:
  // Maps a file of four pages and truncates it to `pages`.
  Mapping MapTruncated(const std::string& name, size_t pages) {
    const std::string path =
        directory_.Write(name, std::vector<uint8_t>(4 * kPage, 1));
    auto mapping = Mapping::Map(File::Open(path, O_RDONLY).value()).value();
    EXPECT_EQ(truncate(path.c_str(), static_cast<off_t>(pages * kPage)), 0);
    return mapping;
  }

  absl::Status TouchFrom(const Mapping& mapping, const std::string& name,
                         size_t offset) {
    const auto bytes = mapping.bytes().subspan(offset);
    return Touch(bytes, directory_.path(name), offset,
                 [&] { sum_ = SumOf(bytes); });
  }

  // Of a new mapping, if it is there.
  void ExpectWholeAt(const void* address) {
    const Mapping mapping = MapTruncated("whole", 4);
    if (mapping.bytes().data() != address) {
      GTEST_SKIP() << "was mapped elsewhere";
    }
    EXPECT_THAT(TouchFrom(mapping, "whole", 0), IsOk());
    EXPECT_EQ(sum_, 4 * kPage);
  }

  TemporaryDirectory directory_;
  const BusErrorsCaught caught_;
  volatile uint64_t sum_ = 0;
};

TEST_F(TouchTest, BytesThatAreThereAreTouchedOnce) {
  const Mapping mapping = MapTruncated("file", 4);
  EXPECT_THAT(TouchFrom(mapping, "file", kPage), IsOk());
  EXPECT_EQ(sum_, 3 * kPage);
}

TEST_F(TouchTest, TruncatedOrRemovedFileIsAStatusThatNamesTheByte) {
  const Mapping mapping = MapTruncated("file", 2);
  EXPECT_THAT(
      TouchFrom(mapping, "file", kPage),
      IsError(kDataLoss,
              AllOf(HasSubstr("touch byte 8192 of '"), HasSubstr("file'"),
                    HasSubstr("the file was truncated to 8192 bytes"))));
  EXPECT_EQ(sum_, kPage) << "zeros from there on";
  EXPECT_THAT(Touch(mapping.bytes().first(kPage), directory_.path("file"), 0,
                    [&] { sum_ = SumOf(mapping.bytes().first(kPage)); }),
              IsOk());
  unlink(directory_.path("file").c_str());
  EXPECT_THAT(TouchFrom(mapping, "file", 0),
              IsError(kDataLoss, HasSubstr("No such file or directory")));
}

TEST_F(TouchTest, BytesThatAreLostAreSoForEveryTouchButOfNone) {
  const Mapping mapping = MapTruncated("file", 1);
  EXPECT_THAT(TouchFrom(mapping, "file", 2 * kPage),
              IsError(kDataLoss, HasSubstr("byte 8192 of")));
  EXPECT_THAT(TouchFrom(mapping, "file", 3 * kPage),
              IsError(kDataLoss, HasSubstr("byte 12288 of")));
  EXPECT_THAT(TouchFrom(mapping, "file", 0),
              IsError(kDataLoss, HasSubstr("byte 4096 of")));
  EXPECT_THAT(Touch(mapping.bytes().subspan(2 * kPage + 5, 0),
                    directory_.path("file"), 2 * kPage + 5, [] {}),
              IsOk());
}

TEST_F(TouchTest, EachThreadGetsItsOwnErrorThoughAnotherFoundTheBytesLost) {
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    const Mapping mappings[] = {MapTruncated("1", 1), MapTruncated("2", 2),
                                MapTruncated("both", 3)};
    absl::Status statuses[2][3];
    std::barrier together(2);
    {
      std::vector<std::jthread> threads;
      for (const int own : {0, 1}) {
        threads.emplace_back([&, own] {
          for (const int which : {own, 2}) {
            const auto bytes = mappings[which].bytes();
            together.arrive_and_wait();
            statuses[own][which] = Touch(bytes, "", 0, [&] { ReadAll(bytes); });
          }
        });
      }
    }
    for (const int own : {0, 1}) {
      for (const int which : {own, 2}) {
        ASSERT_THAT(statuses[own][which],
                    IsError(kDataLoss, HasSubstr(absl::StrCat(
                                           "byte ", (which + 1) * kPage))))
            << round;
      }
    }
  }
}

TEST_F(TouchTest, AddressesThatAreMappedAnewAreNotLost) {
  const uint8_t* lost = nullptr;
  {
    const Mapping mapping = MapTruncated("lost", 1);
    lost = mapping.bytes().data();
    EXPECT_FALSE(TouchFrom(mapping, "lost", 0).ok());
  }
  ExpectWholeAt(lost);
}

TEST_F(TouchTest, MappingWhereSomebodyElseHasUnmappedLostBytesIsWhole) {
  const std::string path =
      directory_.Write("plain", std::vector<uint8_t>(4 * kPage, 1));
  const File file = File::Open(path, O_RDONLY).value();
  void* const plain =
      mmap(nullptr, 4 * kPage, PROT_READ, MAP_SHARED, file.fd(), 0);
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  const absl::Span<const uint8_t> bytes(static_cast<const uint8_t*>(plain),
                                        4 * kPage);
  EXPECT_FALSE(Touch(bytes, path, 0, [&] { ReadAll(bytes); }).ok());
  munmap(plain, 4 * kPage);
  ExpectWholeAt(plain);
}

TEST(BusErrorsCaughtTest, FormerDispositionIsPutBackByTheLast) {
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

class TouchDeathTest : public TouchTest {
 protected:
  void SetUp() override {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
  }

  // Of a process that removes its directory before.
  void ExpectBusErrorOf(const std::function<void()>& body) {
    EXPECT_EXIT(
        {
          std::filesystem::remove_all(directory_.path());
          body();
        },
        DiedOfBusError, kSanitized ? "Sanitizer: BUS" : "");
  }
};

TEST_F(TouchDeathTest, FaultOfWhatNobodyTouchesEndsTheProcess) {
  const Mapping mapping = MapTruncated("file", 1);
  ExpectBusErrorOf([&] { ReadAll(mapping.bytes()); });
  ExpectBusErrorOf([&] {  // not among the bytes that were announced
    Touch(mapping.bytes().first(kPage), directory_.path("file"), 0, [&] {
      ReadAll(mapping.bytes());
    }).IgnoreError();
  });
}

TEST_F(TouchDeathTest, TouchThatWasLeftByAnExceptionClaimsNothing) {
  const Mapping mapping = MapTruncated("file", 1);
  ExpectBusErrorOf([&] {
    try {
      Touch(mapping.bytes(), directory_.path("file"), 0, [] {
        throw std::exception();
      }).IgnoreError();
    } catch (const std::exception& /*of the touch*/) {
      ReadAll(mapping.bytes());
    }
  });
}

TEST_F(TouchDeathTest, SignalThatWasSentEndsTheProcess) {
  ExpectBusErrorOf([] { kill(getpid(), SIGBUS); });
}

TEST_F(TouchDeathTest, TouchWithinATouchHasAnErrorOfItsOwn) {
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
        std::filesystem::remove_all(directory_.path());
        std::exit(0);
      },
      testing::ExitedWithCode(0),
      "byte 8192 of '.*outer': .*byte 4096 of '.*inner': .*; OK");
}

TEST_F(TouchDeathTest, ChildAndLaterThreadsAreCovered) {
  const Mapping mapping = MapTruncated("file", 1);
  ExpectInAChild([&] {
    absl::Status status;
    std::thread([&] { status = TouchFrom(mapping, "file", 0); }).join();
    return absl::StrContains(status.message(), "byte 4096 of");
  });
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
  constexpr size_t kLostPages = 4000;
  const std::string path = directory_.Write("file", {1});
  ASSERT_EQ(truncate(path.c_str(), kLostPages * kPage), 0);
  const Mapping mapping =
      Mapping::Map(File::Open(path, O_RDONLY).value()).value();
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  first_of_handler = mapping.bytes().data();
  next_of_handler = first_of_handler + (kLostPages - 1) * kPage;
  const Mapping partly = MapTruncated("partly", 1);
  ASSERT_FALSE(TouchFrom(partly, "partly", 0).ok());
  const auto healthy = partly.bytes().first(1);
  ExpectInAChild([&] {
    signal(SIGUSR1, TouchNext);
    bool is_healthy = true;
    const absl::Status status = Touch(mapping.bytes(), path, 0, [&] {
      // Not before: what the handler touches is to be announced.
      std::atomic<bool> done = false;
      std::thread sender([&, self = pthread_self()] {
        while (!done) {
          pthread_kill(self, SIGUSR1);
          usleep(10);
        }
      });
      while (next_of_handler != first_of_handler) {
        is_healthy &= Touch(healthy, "", 0, [&] { ReadAll(healthy); }).ok();
      }
      done = true;
      sender.join();
    });
    return is_healthy && absl::IsDataLoss(status);
  });
}

}  // namespace
}  // namespace pagestall
