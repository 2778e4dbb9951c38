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

/** Reads rows of the source averaged over boxes; colour is multiplied by alpha, so that invisible pixels do not bleed. */
function averagedRows(source: Raster, box: { x: number; y: number }, width: number, channels: 3 | 4): Rows {
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
    sum.fill(0)
    for (let t = 0; t < down.taps; t++) {
      addWeighted(ring[(first + t) % down.taps]!, down.weights[y * down.taps + t]!, sum)
    }
    store(sum, output, y * target.width * channels, channels)
  }
  return new Uint8Array(output.buffer)
}

function filterAcross(row: Float32Array, { taps, first, weights }: AxisWeights, into: Float32Array, channels: 3 | 4) {
  for (let x = 0, to = 0; x < first.length; x++, to += channels) {
    let [r, g, b, a] = [0, 0, 0, 0]
    let at = first[x]! * channels
    for (let t = x * taps; t < (x + 1) * taps; t++) {
      const weight = weights[t]!
      r += weight * row[at]!
      g += weight * row[at + 1]!
      b += weight * row[at + 2]!
      if (channels === 4) a += weight * row[at + 3]!
      at += channels
    }
    into[to] = r
    into[to + 1] = g
    into[to + 2] = b
    if (channels === 4) into[to + 3] = a
  }
}

function addWeighted(row: Float32Array, weight: number, sum: Float32Array): void {
  if (weight === 0) return
  for (let i = 0; i < row.length; i++) sum[i]! += weight * row[i]!
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
