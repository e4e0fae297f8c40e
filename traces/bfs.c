// The traced program of bfs.lackey.xz: breadth-first search of a random graph with 2^19 nodes of 8 edges each.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { kNodes = 1 << 19, kDegree = 8 };

struct node {
  uint32_t first_edge, parent, distance, degree;
};

int main(void) {
  struct node* nodes = malloc(sizeof(struct node) * kNodes);
  uint32_t* edges = malloc(sizeof(uint32_t) * kNodes * kDegree);
  uint32_t* queue = malloc(sizeof(uint32_t) * kNodes);
  if (!nodes || !edges || !queue) return 1;
  uint64_t random = 1;
  for (uint32_t i = 0; i < kNodes; ++i) nodes[i] = (struct node){i * kDegree, 0, UINT32_MAX, kDegree};
  for (uint32_t i = 0; i < kNodes * kDegree; ++i) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    edges[i] = (uint32_t)(random >> 45);
  }
  uint32_t head = 0, tail = 0;
  nodes[0].distance = 0;
  queue[tail++] = 0;
  while (head < tail) {
    const uint32_t from = queue[head++];
    for (uint32_t e = 0; e < nodes[from].degree; ++e) {
      const uint32_t to = edges[nodes[from].first_edge + e];
      if (nodes[to].distance != UINT32_MAX) continue;
      nodes[to].distance = nodes[from].distance + 1;
      nodes[to].parent = from;
      queue[tail++] = to;
    }
  }
  printf("%u reached\n", (unsigned)tail);
  return 0;
}
