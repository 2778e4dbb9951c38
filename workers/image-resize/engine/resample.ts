/**
 * Shrinks a raster row by row: whole-number averaging first where much is to be lost (as libvips does), then Lanczos-3 in
 * both directions. Only a few rows of floats are alive at any time, whatever the size of the source.
 */
import type { Rectangle, Size } from '#core/image/plan.ts'
import { type AxisWeights, axisWeights } from './lanczos.ts'
import type { Raster } from './raster.ts'

/** Averaging stops where at least this factor is left to Lanczos: below two it would soften edges. */
const LEFT_TO_LANCZOS = 2

type Rows = (row: number, into: Float32Array) => void

/**
 * @param crop the part to keep, in the raster's pixels; edges may lie between pixels.
 * @param target not larger than the crop.
 * @param opaque skip the alpha channel: it is known to be full.
 * @returns RGB where opaque, else RGBA with straight alpha.
 */
export function resample(source: Raster, crop: Rectangle, target: Size, opaque: boolean): Raster {
  const channels = opaque ? 3 : 4
  // Each weight would be one or nothing.
  if (source.channels === channels && isWhole(source, crop, target)) return source
  const box = {
    x: Math.max(1, Math.floor(crop.width / target.width / LEFT_TO_LANCZOS)),
    y: Math.max(1, Math.floor(crop.height / target.height / LEFT_TO_LANCZOS)),
  }
  const shrunk = { width: Math.ceil(source.width / box.x), height: Math.ceil(source.height / box.y) }
  const across = axisWeights(shrunk.width, crop.x / box.x, crop.width / box.x, target.width)
  const down = axisWeights(shrunk.height, crop.y / box.y, crop.height / box.y, target.height)
  const rows = averagedRows(source, box, shrunk.width, channels)
  const data = filterRows(rows, shrunk.width, { across, down }, target, channels)
  return { data, ...target, channels }
}

/** Nothing is cut off and nothing shrinks. */
const isWhole = ({ width, height }: Size, crop: Rectangle, target: Size): boolean =>
  crop.x === 0 && crop.y === 0 && [crop, target].every((size) => size.width === width && size.height === height)

/** Reads rows of the source averaged over boxes; colour is multiplied by alpha, so that invisible pixels do not bleed. */
function averagedRows(source: Raster, box: { x: number; y: number }, width: number, channels: 3 | 4): Rows {
  if (box.x === 1 && box.y === 1 && source.channels === 3) {
    const { data } = source
    return (row, into) => into.set(data.subarray(row * width * 3, (row + 1) * width * 3))
  }
  return (row, into) => {
    into.fill(0)
    const top = row * box.y
    const bottom = Math.min(source.height, top + box.y)
    for (let y = top; y < bottom; y++) addRow(source, y, box.x, channels, into)
    for (let x = 0; x < width; x++) {
      const columns = Math.min(box.x, source.width - x * box.x)
      const share = 1 / (columns * (bottom - top))
      for (let c = 0; c < channels; c++) into[x * channels + c]! *= share
    }
  }
}

function addRow(source: Raster, y: number, boxWidth: number, channels: 3 | 4, into: Float32Array): void {
  const { data, width, channels: stride } = source
  let at = y * width * stride
  let to = 0
  let left = boxWidth
  for (let x = 0; x < width; x++) {
    if (channels === 3) {
      into[to]! += data[at]!
      into[to + 1]! += data[at + 1]!
      into[to + 2]! += data[at + 2]!
    } else {
      const alpha = stride === 4 ? data[at + 3]! : 255
      into[to]! += (data[at]! * alpha) / 255
      into[to + 1]! += (data[at + 1]! * alpha) / 255
      into[to + 2]! += (data[at + 2]! * alpha) / 255
      into[to + 3]! += alpha
    }
    at += stride
    left--
    if (left === 0) {
      left = boxWidth
      to += channels
    }
  }
}

function filterRows(
  rows: Rows,
  width: number,
  { across, down }: { across: AxisWeights; down: AxisWeights },
  target: Size,
  channels: 3 | 4,
): Uint8Array {
  const output = new Uint8ClampedArray(target.width * target.height * channels)
  const input = new Float32Array(width * channels)
  const ring = Array.from({ length: down.taps }, () => new Float32Array(target.width * channels))
  const sum = new Float32Array(target.width * channels)
  let loaded = 0
  for (let y = 0; y < target.height; y++) {
    const first = down.first[y]!
    for (loaded = Math.max(loaded, first); loaded < first + down.taps; loaded++) {
      rows(loaded, input)
      filterAcross(input, across, ring[loaded % down.taps]!, channels)
    }
    filterDown(ring, first, down.weights.subarray(y * down.taps, (y + 1) * down.taps), sum)
    store(sum, output, y * target.width * channels, channels)
  }
  return new Uint8Array(output.buffer)
}

function filterAcross(row: Float32Array, weights: AxisWeights, into: Float32Array, channels: 3 | 4): void {
  if (channels === 3) filterOpaqueAcross(row, weights, into)
  else filterAlphaAcross(row, weights, into)
}

function filterOpaqueAcross(row: Float32Array, { taps, first, weights }: AxisWeights, into: Float32Array): void {
  for (let x = 0, to = 0; x < first.length; x++, to += 3) {
    let r = 0
    let g = 0
    let b = 0
    let at = first[x]! * 3
    for (let t = x * taps; t < (x + 1) * taps; t++, at += 3) {
      const weight = weights[t]!
      r += weight * row[at]!
      g += weight * row[at + 1]!
      b += weight * row[at + 2]!
    }
    into[to] = r
    into[to + 1] = g
    into[to + 2] = b
  }
}

function filterAlphaAcross(row: Float32Array, { taps, first, weights }: AxisWeights, into: Float32Array): void {
  for (let x = 0, to = 0; x < first.length; x++, to += 4) {
    let r = 0
    let g = 0
    let b = 0
    let a = 0
    let at = first[x]! * 4
    for (let t = x * taps; t < (x + 1) * taps; t++, at += 4) {
      const weight = weights[t]!
      r += weight * row[at]!
      g += weight * row[at + 1]!
      b += weight * row[at + 2]!
      a += weight * row[at + 3]!
    }
    into[to] = r
    into[to + 1] = g
    into[to + 2] = b
    into[to + 3] = a
  }
}

/** Rows summed at once: each pass over the sums costs as much as what it adds. */
const ROWS_AT_ONCE = 4

/** @param ring rows by their number modulo its length, `first` and as many as there are weights */
function filterDown(ring: readonly Float32Array[], first: number, weights: Float32Array, sum: Float32Array): void {
  const taps = weights.length
  sum.fill(0)
  for (let t = 0; t < taps; t += ROWS_AT_ONCE) {
    const row = (i: number) => ring[(first + Math.min(t + i, taps - 1)) % ring.length]!
    const weight = (i: number) => (t + i < taps ? weights[t + i]! : 0)
    addRows([row(0), row(1), row(2), row(3)], [weight(0), weight(1), weight(2), weight(3)], sum)
  }
}

type Four<T> = readonly [T, T, T, T]

/** Rounds after each row as an array of floats does, so that the bytes do not depend on how many go at once. */
function addRows([a, b, c, d]: Four<Float32Array>, [wa, wb, wc, wd]: Four<number>, sum: Float32Array): void {
  for (let i = 0; i < sum.length; i++) {
    const one = Math.fround(sum[i]! + wa * a[i]!)
    const two = Math.fround(one + wb * b[i]!)
    const three = Math.fround(two + wc * c[i]!)
    sum[i] = three + wd * d[i]!
  }
}

/** Rounds and clamps (the array does), and takes the alpha out of the colours again. */
function store(sum: Float32Array, output: Uint8ClampedArray, at: number, channels: 3 | 4): void {
  if (channels === 3) {
    output.set(sum, at)
    return
  }
  for (let i = 0; i < sum.length; i += 4) {
    const alpha = sum[i + 3]!
    const factor = alpha > 0 ? 255 / alpha : 0
    output[at + i] = sum[i]! * factor
    output[at + i + 1] = sum[i + 1]! * factor
    output[at + i + 2] = sum[i + 2]! * factor
    output[at + i + 3] = alpha
  }
}
