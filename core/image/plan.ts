/** Geometry: from options and a header to the exact work of an engine. Never enlarges anything. */
import type { ImageHeader, Orientation } from './header/index.ts'
import { DEFAULT_OPTIONS, type ImageOptions } from './options.ts'

/** What an engine is to write. */
export type OutputType = 'jpeg' | 'webp' | 'avif' | 'png'

export interface Size {
  readonly width: number
  readonly height: number
}

export interface Rectangle extends Size {
  readonly x: number
  readonly y: number
}

export interface ResizePlan {
  readonly source: ImageHeader
  /** What to keep of the upright source, in its pixels. */
  readonly crop: Rectangle
  /** What the kept part is scaled to, upright. */
  readonly scaled: Size
  /** The answer, and where the scaled part lies in it; larger than `scaled` only when padding. */
  readonly canvas: Rectangle
  /** Six hex digits behind padding and transparency. */
  readonly background: string
  /** Draw onto the background: the output knows no transparency, or the options name a colour or padding. */
  readonly flatten: boolean
  readonly quality: number
  readonly output: OutputType
  /** Progressive is smaller; baseline is for old decoders. */
  readonly progressive: boolean
}

/** Width and height as seen, after the orientation is applied. */
export function uprightSize(source: Size & { readonly orientation: Orientation }): Size {
  return source.orientation >= 5
    ? { width: source.height, height: source.width }
    : { width: source.width, height: source.height }
}

/**
 * @param largest pixels a side that the answer may have when the options leave it free.
 */
export function planResize(
  options: ImageOptions,
  source: ImageHeader,
  output: OutputType,
  largest: number,
): ResizePlan {
  const upright = uprightSize(source)
  const { width, height } = options
  const geometry =
    width !== undefined && height !== undefined && options.fit !== 'scale-down'
      ? boxed(options, upright, { width, height })
      : whole(upright, { width: width ?? largest, height: height ?? largest })
  return {
    source,
    ...geometry,
    background: options.background,
    flatten: output === 'jpeg' || options.fit === 'pad' || options.background !== DEFAULT_OPTIONS.background,
    quality: options.quality,
    output,
    progressive: options.format !== 'baseline-jpeg',
  }
}

type Geometry = Pick<ResizePlan, 'crop' | 'scaled' | 'canvas'>

/** Scales the whole picture down into the box, or leaves it as it is. */
function whole(upright: Size, box: Size): Geometry {
  const scale = Math.min(1, box.width / upright.width, box.height / upright.height)
  const scaled = {
    width: Math.max(1, Math.round(upright.width * scale)),
    height: Math.max(1, Math.round(upright.height * scale)),
  }
  return { crop: { x: 0, y: 0, ...upright }, scaled, canvas: { x: 0, y: 0, ...scaled } }
}

function boxed(options: ImageOptions, upright: Size, box: Size): Geometry {
  if (options.fit === 'pad') {
    const inner = whole(upright, box)
    const canvas = {
      ...box,
      x: Math.round((box.width - inner.scaled.width) / 2),
      y: Math.round((box.height - inner.scaled.height) / 2),
    }
    return { ...inner, canvas }
  }
  const scaled = options.fit === 'cover' ? shrunkBox(upright, box) : clippedBox(upright, box)
  const scale = Math.max(scaled.width / upright.width, scaled.height / upright.height)
  const kept = {
    width: Math.min(upright.width, scaled.width / scale),
    height: Math.min(upright.height, scaled.height / scale),
  }
  const crop = {
    ...kept,
    x: (upright.width - kept.width) * options.gravity.x,
    y: (upright.height - kept.height) * options.gravity.y,
  }
  return { crop, scaled, canvas: { x: 0, y: 0, ...scaled } }
}

/** cover keeps the box's shape: a box larger than the picture shrinks, shape and all. */
function shrunkBox(upright: Size, box: Size): Size {
  const scale = Math.min(1, upright.width / box.width, upright.height / box.height)
  return {
    width: Math.max(1, Math.round(box.width * scale)),
    height: Math.max(1, Math.round(box.height * scale)),
  }
}

/** crop keeps the picture's scale where it is smaller than the box: only the longer side is cut. */
function clippedBox(upright: Size, box: Size): Size {
  return { width: Math.min(box.width, upright.width), height: Math.min(box.height, upright.height) }
}
