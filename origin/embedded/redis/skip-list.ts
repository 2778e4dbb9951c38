import type { Random } from '#core/ids.ts'

/**
 * A skip list with spans (Pugh 1990, ranks after Pugh's "A Skip List Cookbook"), ordered by score and, where scores are equal, bytewise by member:
 * insert, delete, rank and the nth element in O(log n).
 *
 * Three nodes of four stand on the lowest level only, where every span is 1: they carry no arrays, which keeps a member at about 170 bytes.
 */
export interface SkipNode {
  readonly member: string
  readonly score: number
  next: SkipNode | undefined
  back: SkipNode | undefined
  /** The links of the levels above the lowest. */
  readonly up: readonly Link[]
}

interface Link {
  next: SkipNode | undefined
  /** How many elements this step passes. */
  span: number
}

const MAX_LEVEL = 32
const PROMOTION = 0.25
const LOWEST_ONLY: readonly Link[] = []

export class SkipList {
  readonly #random: Random
  readonly #head = createNode('', 0, MAX_LEVEL)
  #tail: SkipNode | undefined
  #level = 1
  #length = 0
  /** Scratch space of one insert or delete: the last node before the place on each level, and its rank. */
  readonly #before: SkipNode[] = []
  readonly #rank: number[] = []

  constructor(random: Random) {
    this.#random = random
  }

  get length(): number {
    return this.#length
  }

  get first(): SkipNode | undefined {
    return this.#head.next
  }

  get last(): SkipNode | undefined {
    return this.#tail
  }

  insert(score: number, member: string): SkipNode {
    this.#locate(score, member)
    const level = this.#randomLevel()
    for (; this.#level < level; this.#level++) {
      this.#before[this.#level] = this.#head
      this.#rank[this.#level] = 0
      this.#head.up[this.#level - 1]!.span = this.#length
    }
    const added = createNode(member, score, level)
    const previous = this.#before[0]!
    added.next = previous.next
    added.back = previous === this.#head ? undefined : previous
    previous.next = added
    if (added.next) added.next.back = added
    else this.#tail = added
    for (let i = 1; i < this.#level; i++) {
      const link = this.#before[i]!.up[i - 1]!
      const own = added.up[i - 1]
      if (!own) {
        link.span++
        continue
      }
      const passed = this.#rank[0]! - this.#rank[i]!
      own.next = link.next
      own.span = link.span - passed
      link.next = added
      link.span = passed + 1
    }
    this.#length++
    return added
  }

  /** Removes the element, which must be there. */
  delete(score: number, member: string): void {
    this.#locate(score, member)
    const previous = this.#before[0]!
    const found = previous.next
    if (!found || found.member !== member) throw new Error('sorted set and its index disagree')
    for (let i = 1; i < this.#level; i++) {
      const link = this.#before[i]!.up[i - 1]!
      if (link.next === found) {
        const own = found.up[i - 1]!
        link.span += own.span - 1
        link.next = own.next
      } else link.span--
    }
    previous.next = found.next
    if (found.next) found.next.back = found.back
    else this.#tail = found.back
    while (this.#level > 1 && !this.#head.up[this.#level - 2]!.next) this.#level--
    this.#length--
  }

  /** How many elements come before (score, member). */
  rank(score: number, member: string): number {
    this.#locate(score, member)
    return this.#rank[0]!
  }

  /** The element at a rank, 0 being the lowest. */
  at(rank: number): SkipNode | undefined {
    if (rank < 0 || rank >= this.#length) return undefined
    let left = rank + 1
    let current = this.#head
    for (let i = this.#level - 1; i >= 1; i--) {
      let link = current.up[i - 1]!
      while (link.next && link.span <= left) {
        left -= link.span
        current = link.next
        link = current.up[i - 1]!
      }
    }
    while (left-- > 0) current = current.next!
    return current
  }

  /** How many elements `isBefore` holds for; it must hold for a prefix of the order. */
  countWhile(isBefore: (node: SkipNode) => boolean): number {
    let rank = 0
    let current = this.#head
    for (let i = this.#level - 1; i >= 1; i--) {
      let link = current.up[i - 1]!
      while (link.next && isBefore(link.next)) {
        rank += link.span
        current = link.next
        link = current.up[i - 1]!
      }
    }
    for (let node = current.next; node && isBefore(node); node = node.next) rank++
    return rank
  }

  /** Fills #before and #rank for the place of (score, member). */
  #locate(score: number, member: string): void {
    let current = this.#head
    let rank = 0
    for (let i = this.#level - 1; i >= 1; i--) {
      let link = current.up[i - 1]!
      while (link.next && precedes(link.next, score, member)) {
        rank += link.span
        current = link.next
        link = current.up[i - 1]!
      }
      this.#before[i] = current
      this.#rank[i] = rank
    }
    for (let next = current.next; next && precedes(next, score, member); next = next.next) {
      rank++
      current = next
    }
    this.#before[0] = current
    this.#rank[0] = rank
  }

  #randomLevel(): number {
    let level = 1
    while (level < MAX_LEVEL && this.#random() < PROMOTION) level++
    return level
  }
}

function precedes(node: SkipNode, score: number, member: string): boolean {
  return node.score < score || (node.score === score && node.member < member)
}

function createNode(member: string, score: number, level: number): SkipNode {
  const up = level === 1 ? LOWEST_ONLY : Array.from({ length: level - 1 }, () => ({ next: undefined, span: 0 }))
  return { member, score, next: undefined, back: undefined, up }
}
