#ifndef PAGESTALL_TEST_EVERY_PAIR_H_
#define PAGESTALL_TEST_EVERY_PAIR_H_

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "lib/executor/executors.h"
#include "lib/source/sources.h"
#include "test/print_source.h"

namespace pagestall {

inline void PrintTo(const Executor& executor, std::ostream* out) {
  *out << "exec:" << executor.name;
}

// Tests of every executor with every source that makes sense there:
//
//   INSTANTIATE_TEST_SUITE_P(Every, Suite, testing::ValuesIn(EveryPair()),
//                            NameOfPair);
using Pair = std::tuple<Executor, Source>;

inline std::vector<Pair> EveryPair() {
  std::vector<Pair> pairs;
  for (const Executor& executor : Executors()) {
    for (const Source& source : Sources()) {
      if (executor.supports(source)) pairs.emplace_back(executor, source);
    }
  }
  return pairs;
}

class OfEveryPair : public testing::TestWithParam<Pair> {
 protected:
  const Executor& executor() const { return std::get<0>(GetParam()); }
  const Source& source() const { return std::get<1>(GetParam()); }
};

inline std::string NameOfPair(const testing::TestParamInfo<Pair>& test) {
  return std::string(std::get<0>(test.param).name) + "_" +
         std::get<1>(test.param).name;
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_EVERY_PAIR_H_
