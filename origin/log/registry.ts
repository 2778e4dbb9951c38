import { type HeldPartition, placeName } from './held-partition.ts'

/** The partitions that this process reads now, over all its members. Bounded by groups × topics × partitions. */
export interface HeldRegistry {
  add(held: HeldPartition): void
  remove(held: HeldPartition): void
  all(): Iterable<HeldPartition>
  /** Those that read one partition, one of each group at most. */
  at(place: string): Iterable<HeldPartition>
  of(member: string): HeldPartition[]
}

export function createHeldRegistry(): HeldRegistry {
  const everything = new Set<HeldPartition>()
  const byPlace = new Map<string, Set<HeldPartition>>()
  return {
    add(held) {
      const place = placeName(held.topic, held.partition)
      everything.add(held)
      byPlace.set(place, (byPlace.get(place) ?? new Set()).add(held))
    },
    remove(held) {
      const place = placeName(held.topic, held.partition)
      everything.delete(held)
      byPlace.get(place)?.delete(held)
    },
    all: () => everything,
    at: (place) => byPlace.get(place) ?? [],
    of: (member) => [...everything].filter((held) => held.member === member),
  }
}
