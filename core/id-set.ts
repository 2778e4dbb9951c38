/**
 * Finding ids without looking them up as texts. V8 finds a text in a map or a set by the one copy that it keeps of each: an id
 * that has just come from Redis is looked up among all texts that the isolate knows first, and a feed has several hundred of
 * those. Two numbers tell an id from all others, too.
 */
import type { Id } from './ids.ts'

/** As many digits as fit a small integer of V8. */
const PLACE_DIGITS = 9

/** An id's last nine digits. */
export function placeOf(id: Id): number {
  let place = 0
  for (let i = Math.max(0, id.length - PLACE_DIGITS); i < id.length; i++) place = place * 10 + id.charCodeAt(i) - 48
  return place
}

/** The digits before those. */
export function leadOf(id: Id): number {
  let lead = 0
  for (let i = 0; i < id.length - PLACE_DIGITS; i++) lead = lead * 10 + id.charCodeAt(i) - 48
  return lead
}

/** Whatever can say whether an id is in it. */
export interface IdLookup {
  has(id: Id): boolean
}

const NOTHING = -1

/** Some hundred ids, for one request: open addressing with linear probing, at most half full (Knuth 6.4). */
export class IdSet implements IdLookup {
  private readonly places: Int32Array
  private readonly leads: Float64Array
  private readonly shift: number
  private room: number

  /** @param most as many ids as may be added */
  constructor(most: number) {
    const bits = Math.ceil(Math.log2(2 * Math.max(1, most)))
    this.shift = 32 - bits
    this.places = new Int32Array(2 ** bits).fill(NOTHING)
    this.leads = new Float64Array(2 ** bits)
    this.room = most
  }

  static of(ids: readonly Id[]): IdSet {
    const set = new IdSet(ids.length)
    for (const id of ids) set.add(id)
    return set
  }

  has(id: Id): boolean {
    return this.places[this.slotOf(placeOf(id), leadOf(id))] !== NOTHING
  }

  /**
   * @returns whether it is new
   * @throws RangeError when it is one more than may be added
   */
  add(id: Id): boolean {
    const [place, lead] = [placeOf(id), leadOf(id)]
    const slot = this.slotOf(place, lead)
    if (this.places[slot] !== NOTHING) return false
    if (this.room-- === 0) throw new RangeError('more ids than the set was made for')
    this.places[slot] = place
    this.leads[slot] = lead
    return true
  }

  /** Where the id stands, or would. */
  private slotOf(place: number, lead: number): number {
    const last = this.places.length - 1
    let slot = Math.imul(place, 0x9e3779b1) >>> this.shift
    while (this.places[slot] !== NOTHING && !(this.places[slot] === place && this.leads[slot] === lead)) {
      slot = slot === last ? 0 : slot + 1
    }
    return slot
  }
}
