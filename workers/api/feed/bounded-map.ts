import { OldestFirst } from '#core/oldest-first.ts'

/** A map that forgets its oldest entries. */
export class BoundedMap<K, V> extends OldestFirst<K, V> {
  private readonly most: number

  constructor(most: number) {
    super()
    this.most = most
  }

  override set(key: K, value: V): this {
    if (!this.has(key) && this.size >= this.most) this.shift()
    return super.set(key, value)
  }
}
