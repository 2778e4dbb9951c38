/** A map that forgets its oldest entries. */
export class BoundedMap<K, V> extends Map<K, V> {
  private readonly most: number
  /**
   * Goes from the oldest entry to the newest, over all evictions. One made anew for each would first pass over all places that
   * earlier ones left empty: of twenty thousand entries 18 µs each, and a page may bring fifty.
   */
  private oldest: MapIterator<K> | null = null

  constructor(most: number) {
    super()
    this.most = most
  }

  override set(key: K, value: V): this {
    if (!this.has(key) && this.size >= this.most) this.forgetOldest()
    return super.set(key, value)
  }

  override clear(): void {
    super.clear()
    // It would hold what was there.
    this.oldest = null
  }

  private forgetOldest(): void {
    this.oldest ??= this.keys()
    let next = this.oldest.next()
    if (next.done === true) {
      // Came to the end while the map was empty; an iterator that did goes no further.
      this.oldest = this.keys()
      next = this.oldest.next()
    }
    if (next.done !== true) this.delete(next.value)
  }
}
