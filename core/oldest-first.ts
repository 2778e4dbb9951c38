/** A map that knows its oldest entry, however many went before it. */
export class OldestFirst<K, V> extends Map<K, V> {
  /**
   * Goes from the oldest entry to the newest, over all calls. One made anew for each would first pass over all places that
   * earlier ones left empty: of twenty thousand entries 18 µs each.
   */
  private hand: MapIterator<[K, V]> | null = null
  /** Entries that were deleted since the hand last moved. */
  private deleted = 0

  /** Takes the oldest out; null where there is none. */
  shift(): [K, V] | null {
    this.hand ??= this.entries()
    let next = this.hand.next()
    if (next.done === true) {
      // An iterator that came to the end goes no further.
      this.hand = this.entries()
      next = this.hand.next()
    }
    this.deleted = 0
    if (next.done === true) return null
    super.delete(next.value[0])
    return next.value
  }

  /**
   * Every table that V8 has replaced by another since an iterator last moved is reachable from it, with all that was in it: a
   * hand that rests while entries come and go would hold them all. Dropped at each deletion it would be made anew as often.
   */
  override delete(key: K): boolean {
    if (!super.delete(key)) return false
    this.deleted++
    if (this.deleted * DROPPED_AFTER > this.size) this.hand = null
    return true
  }

  override clear(): void {
    super.clear()
    this.hand = null
  }
}

/** At most an eighth of what the map holds is held in vain. */
const DROPPED_AFTER = 8
