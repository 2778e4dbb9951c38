/**
 * What a client may ask of an image: Cloudflare's option names, one canonical meaning and one canonical spelling each.
 * Equal pictures have equal options, so that signatures and caches cannot be split by spelling.
 */
import { IMAGE_LIMITS } from './limits.ts'
import { refusals } from './refusal.ts'

export const FITS = ['scale-down', 'cover', 'crop', 'pad'] as const
export type Fit = (typeof FITS)[number]

export const FORMATS = ['auto', 'avif', 'webp', 'jpeg', 'baseline-jpeg', 'png'] as const
export type Format = (typeof FORMATS)[number]

/** Which part of the picture survives a crop, as a share of what is cut off: 0 keeps left or top, 1 right or bottom. */
export interface Gravity {
  readonly x: number
  readonly y: number
}

export interface ImageOptions {
  /** Pixels of the answer's box, device pixel ratio already multiplied in; absent = free. */
  readonly width?: number
  readonly height?: number
  readonly fit: Fit
  readonly gravity: Gravity
  /** 1–100. */
  readonly quality: number
  readonly format: Format
  /** Six hex digits: behind padding and behind transparency in formats that have none. */
  readonly background: string
}

/** 75 gives about two thirds of the bytes of Cloudflare's 85 at sizes where nobody sees the difference. */
export const DEFAULT_OPTIONS: ImageOptions = Object.freeze({
  fit: 'scale-down',
  gravity: Object.freeze({ x: 0.5, y: 0.5 }),
  quality: 75,
  format: 'auto',
  background: 'ffffff',
})

/** Widths that anybody may ask for, unsigned: they bound how many variants of a picture can exist. */
export const PRESETS = Object.freeze({
  thumb: 150,
  small: 320,
  medium: 640,
  large: 1080,
  '480': 480,
  '750': 750,
  '1440': 1440,
  '2048': 2048,
})
export type PresetName = keyof typeof PRESETS

const PRESET_OF_WIDTH: ReadonlyMap<number, PresetName> = new Map(
  Object.entries(PRESETS).map(([name, width]) => [width, name as PresetName]),
)

/** The widths of all presets in ascending order, for `srcset`. */
export const PRESET_WIDTHS: readonly number[] = Object.freeze([...PRESET_OF_WIDTH.keys()].sort((a, b) => a - b))

/** By name and by width (`thumb` and `150` are the same picture). */
const PRESET_OPTIONS: ReadonlyMap<string, ImageOptions> = new Map(
  Object.entries(PRESETS).flatMap(([name, width]) => {
    const options = Object.freeze({ ...DEFAULT_OPTIONS, width })
    return [name, String(width)].map((spelling) => [spelling, options] as const)
  }),
)
/** Nearly all that is asked for: found by identity, without spelling it out. */
const PRESET_OF_OPTIONS: ReadonlyMap<ImageOptions, PresetName> = new Map(
  Object.keys(PRESETS).flatMap((name) => {
    const options = PRESET_OPTIONS.get(name)
    return options === undefined ? [] : [[options, name as PresetName] as const]
  }),
)

/** The options of a preset, by its name or its width, or undefined. */
export const presetOptions = (name: string): ImageOptions | undefined => PRESET_OPTIONS.get(name)

/** The preset that these options spell out, or undefined: only a preset goes unsigned. */
export function presetNameOf(options: ImageOptions): PresetName | undefined {
  const known = PRESET_OF_OPTIONS.get(options)
  if (known !== undefined) return known
  const name = PRESET_OF_WIDTH.get(options.width ?? 0)
  return name !== undefined && listOptions(options) === `w=${options.width}` ? name : undefined
}

const SHORT: Readonly<Record<string, string>> = Object.freeze({
  w: 'width',
  h: 'height',
  f: 'format',
  q: 'quality',
  g: 'gravity',
})
const NAMED_QUALITY: Readonly<Record<string, number>> = Object.freeze({
  low: 35,
  'medium-low': 50,
  'medium-high': 70,
  high: 90,
})
const NAMED_GRAVITY: Readonly<Record<string, Gravity>> = Object.freeze({
  center: { x: 0.5, y: 0.5 },
  left: { x: 0, y: 0.5 },
  right: { x: 1, y: 0.5 },
  top: { x: 0.5, y: 0 },
  bottom: { x: 0.5, y: 1 },
})
const NOT_OFFERED = new Set(
  'blur sharpen brightness contrast saturation gamma trim border draw rotate flip zoom onerror compression segment slow-connection-quality scq origin-auth'.split(
    ' ',
  ),
)

function pixels(name: string, value: string): number {
  const number = /^[1-9]\d{0,4}$/.test(value) ? Number(value) : Number.NaN
  if (!(number <= IMAGE_LIMITS.outputSide)) {
    throw refusals.badOptions(`${name} must be a whole number of pixels from 1 to ${IMAGE_LIMITS.outputSide}.`)
  }
  return number
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value)
  if (!found) throw refusals.badOptions(`${name} must be one of ${allowed.join(', ')}.`)
  return found
}

function quality(value: string): number {
  const number = NAMED_QUALITY[value] ?? (/^[1-9]\d{0,2}$/.test(value) ? Number(value) : Number.NaN)
  if (!(number <= 100)) throw refusals.badOptions('quality must be 1 to 100, or low, medium-low, medium-high or high.')
  return number
}

function gravity(value: string): Gravity {
  const named = NAMED_GRAVITY[value]
  if (named) return named
  const match = /^(0(?:\.\d+)?|1(?:\.0+)?)x(0(?:\.\d+)?|1(?:\.0+)?)$/.exec(value)
  if (!match) {
    throw refusals.badOptions('gravity must be center, left, right, top, bottom or XxY with numbers from 0 to 1.')
  }
  return { x: hundredth(Number(match[1])), y: hundredth(Number(match[2])) }
}

function background(value: string): string {
  const hex = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(value)?.[1]?.toLowerCase()
  if (!hex) throw refusals.badOptions('background must be a colour in three or six hex digits.')
  return hex.length === 6 ? hex : [...hex].map((digit) => digit + digit).join('')
}

function devicePixelRatio(value: string): number {
  const number = /^[1-9](\.\d{1,2})?$/.test(value) ? Number(value) : Number.NaN
  if (!(number <= IMAGE_LIMITS.dpr)) throw refusals.badOptions(`dpr must be a number from 1 to ${IMAGE_LIMITS.dpr}.`)
  return number
}

const hundredth = (value: number) => Math.round(value * 100) / 100

/** Splits `w=640,f=auto` into full option names and values. */
function splitOptions(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    if (equals < 1) throw refusals.badOptions('Options are written name=value and separated by commas, without spaces.')
    const written = part.slice(0, equals)
    const name = Object.hasOwn(SHORT, written) ? (SHORT[written] ?? written) : written
    if (found.has(name)) throw refusals.badOptions(`The option ${name} appears twice.`)
    found.set(name, part.slice(equals + 1))
  }
  return found
}

/**
 * Reads a preset's name or a list of options (`w=640,fit=cover,h=480`) into their canonical meaning.
 * @throws Problem 400 (9401) that names the option at fault.
 */
export function parseOptions(text: string): ImageOptions {
  const preset = presetOptions(text)
  if (preset) return preset
  const read: { -readonly [K in keyof ImageOptions]: ImageOptions[K] } = { ...DEFAULT_OPTIONS }
  let dpr = 1
  for (const [name, value] of splitOptions(text)) {
    if (name === 'width') read.width = pixels(name, value)
    else if (name === 'height') read.height = pixels(name, value)
    else if (name === 'dpr') dpr = devicePixelRatio(value)
    else if (name === 'fit') read.fit = value === 'contain' ? 'scale-down' : oneOf(name, value, FITS)
    else if (name === 'gravity') read.gravity = gravity(value)
    else if (name === 'quality') read.quality = quality(value)
    else if (name === 'format') read.format = oneOf(name, value, FORMATS)
    else if (name === 'background') read.background = background(value)
    else if (name === 'anim') oneOf(name, value, ['false'])
    else if (name === 'metadata') oneOf(name, value, ['none'])
    else if (NOT_OFFERED.has(name)) throw refusals.badOptions(`The option ${name} is not offered here.`)
    else throw refusals.badOptions(`There is no option named ${name.slice(0, 32)}.`)
  }
  if (read.width !== undefined) read.width = scaled('width', read.width, dpr)
  if (read.height !== undefined) read.height = scaled('height', read.height, dpr)
  return canonicalOptions(read)
}

function scaled(name: string, value: number, dpr: number): number {
  const result = Math.round(value * dpr)
  if (result > IMAGE_LIMITS.outputSide) {
    throw refusals.badOptions(`${name} times dpr may be at most ${IMAGE_LIMITS.outputSide} pixels.`)
  }
  return result
}

/** Drops what has no effect, so that equal pictures have equal options. */
export function canonicalOptions(options: ImageOptions): ImageOptions {
  const boxed = options.width !== undefined && options.height !== undefined
  const fit = boxed ? options.fit : 'scale-down'
  const crops = fit === 'cover' || fit === 'crop'
  return {
    ...(options.width === undefined ? {} : { width: options.width }),
    ...(options.height === undefined ? {} : { height: options.height }),
    fit,
    gravity: crops ? { ...options.gravity } : { ...DEFAULT_OPTIONS.gravity },
    quality: options.format === 'png' ? DEFAULT_OPTIONS.quality : options.quality,
    format: options.format,
    background: options.background,
  }
}

function gravityText(value: Gravity): string {
  const named = Object.entries(NAMED_GRAVITY).find(([, point]) => point.x === value.x && point.y === value.y)
  return named?.[0] ?? `${value.x}x${value.y}`
}

/** The list of all options that differ from their defaults, in a fixed order with short names. */
function listOptions(options: ImageOptions): string {
  const parts: string[] = []
  if (options.width !== undefined) parts.push(`w=${options.width}`)
  if (options.height !== undefined) parts.push(`h=${options.height}`)
  if (options.fit !== DEFAULT_OPTIONS.fit) parts.push(`fit=${options.fit}`)
  if (gravityText(options.gravity) !== 'center') parts.push(`g=${gravityText(options.gravity)}`)
  if (options.quality !== DEFAULT_OPTIONS.quality) parts.push(`q=${options.quality}`)
  if (options.format !== DEFAULT_OPTIONS.format) parts.push(`f=${options.format}`)
  if (options.background !== DEFAULT_OPTIONS.background) parts.push(`background=${options.background}`)
  return parts.join(',') || `f=${options.format}`
}

/** The one spelling of these options: a preset's name where they are one, else the list. */
export function formatOptions(options: ImageOptions): string {
  const preset = presetNameOf(options)
  if (preset !== undefined) return preset
  const canonical = canonicalOptions(options)
  return presetNameOf(canonical) ?? listOptions(canonical)
}
