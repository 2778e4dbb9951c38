/**
 * Signed image addresses: HMAC-SHA256 over the canonical path, a list of keys for rotation, an optional expiry.
 * Anything that changes the picture, the key id or the expiry changes what is signed.
 */

import { z } from 'zod'
import { parseImageKey } from './key.ts'
import { IMAGE_LIMITS } from './limits.ts'
import { parseOptions, presetNameOf } from './options.ts'
import { refusals } from './refusal.ts'
import { formatImageUrl, type ImageRequest, type ImageSignature, imagePath, imageUrl, needsSignature } from './url.ts'

export interface SigningKey {
  readonly id: string
  readonly secret: string
}

/** At least one: the first signs, all verify. */
export type SigningKeys = [SigningKey, ...SigningKey[]]

/**
 * Reads the list of signing keys from configuration: `id:secret,id:secret`, the newest first. The first one signs, all of
 * them verify.
 * @throws Error that names the fault (never a secret): configuration is checked at the door.
 */
export function parseSigningKeys(text: string): SigningKeys {
  const [first = '', ...others] = text.split(',')
  const keys: SigningKeys = [parseSigningKey(first), ...others.map(parseSigningKey)]
  if (keys.length > IMAGE_LIMITS.signingKeys) throw new Error(`more than ${IMAGE_LIMITS.signingKeys} signing keys`)
  if (new Set(keys.map((key) => key.id)).size < keys.length) throw new Error('two signing keys share an id')
  return keys
}

/** The same as a setting of a Worker. */
export const signingKeysSetting = z.string().transform((text, context) => {
  try {
    return parseSigningKeys(text)
  } catch (fault) {
    context.addIssue(fault instanceof Error ? fault.message : 'unreadable')
    return z.NEVER
  }
})

function parseSigningKey(entry: string): SigningKey {
  const [, id = '', secret = ''] = /^([0-9A-Za-z_-]{1,32}):([0-9A-Za-z_+/=.-]*)$/.exec(entry.trim()) ?? []
  if (id === '') throw new Error('a signing key is written id:secret, in letters, digits and _+/=.- only')
  if (secret.length < 32) throw new Error(`the secret of signing key ${id} is shorter than 32 characters`)
  return { id, secret }
}

const encoder = new TextEncoder()

/** CryptoKey, which Node's types and the Workers' name differently. */
type ImportedKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const importSecret = (secret: string): Promise<ImportedKey> =>
  crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])

async function mac(key: ImportedKey, text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text)))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** What is signed. The first line keeps these signatures apart from any other use of the same secret. */
function signedText(path: string, keyId: string, expires: number | undefined): string {
  return `tideline-image-v1\n${keyId}\n${expires ?? ''}\n${path}`
}

/**
 * The path that a signature is for. The presets of a private picture share one: who may see it may see it in every size,
 * and a page of a feed signs a quarter as often.
 */
function signedPath({ source, options }: Pick<ImageRequest, 'source' | 'options'>): string {
  if (source.private && presetNameOf(options) !== undefined) return presetsPath(source.key)
  return imagePath(source.key, options)
}

/** No address has this path: a star is in no preset's name and no option. */
const presetsPath = (key: string) => `/img/*/${key}`

/** Compares over hashes of equal length, every byte of them, so that time tells nothing about the expected value. */
async function equalInConstantTime(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all(
    [a, b].map(async (text) => new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)))),
  )
  let difference = 0
  for (let i = 0; i < 32; i++) difference |= (left?.[i] ?? 0) ^ (right?.[i] ?? 1)
  return difference === 0
}

/**
 * A signed address (path and query) for any options, and the only way to a private picture.
 * @param options a list as in a URL (`w=640,h=640,fit=cover`).
 * @param expires seconds since 1970; required for keys under `private/`.
 * @example await signImagePath('media/7/abc.jpg', 'w=500,q=60', keys[0])
 */
export async function signImagePath(
  key: string,
  options: string,
  signingKey: SigningKey,
  expires?: number,
): Promise<string> {
  const source = parseImageKey(key)
  if (source.private && expires === undefined) throw new Error('a private image needs an expiry')
  const parsed = parseOptions(options)
  const path = signedPath({ source, options: parsed })
  const value = await mac(await importSecret(signingKey.secret), signedText(path, signingKey.id, expires))
  const signature = { value, keyId: signingKey.id, ...(expires === undefined ? {} : { expires }) }
  return formatImageUrl({ source, options: parsed, signature })
}

/**
 * Makes a signer of private pictures: of a key and an expiry (seconds since 1970), the query that opens the picture in
 * every preset until then. `imageUrl(base, key, preset)` goes before it, with a question mark between.
 */
export function presetSigner({ id, secret }: SigningKey): (key: string, expires: number) => Promise<string> {
  let imported: ImportedKey | undefined
  return async (key, expires) => {
    imported ??= await importSecret(secret)
    const value = await mac(imported, signedText(presetsPath(key), id, expires))
    return `s=${value}&kid=${id}&exp=${expires}`
  }
}

/**
 * Lets a request through, or throws. A signature that is there is always checked, also where none is needed.
 * @param now seconds since 1970.
 * @throws Problem 403: missing, wrong or expired.
 */
export async function verifyImageRequest(
  request: ImageRequest,
  keys: readonly SigningKey[],
  now: number,
): Promise<void> {
  const { signature, source } = request
  if (!signature) {
    if (!needsSignature(request)) return
    throw refusals.unsigned(
      source.private
        ? 'This image is private: its address must be signed.'
        : 'Only the preset sizes are free: other options must be signed.',
    )
  }
  await verifySignature(signedPath(request), signature, keys, now)
  if (source.private && signature.expires === undefined) throw refusals.badSignature('A private image needs an expiry.')
}

async function verifySignature(
  path: string,
  signature: ImageSignature,
  keys: readonly SigningKey[],
  now: number,
): Promise<void> {
  const candidates = keys.filter((key) => signature.keyId === undefined || key.id === signature.keyId)
  let valid = false
  for (const key of candidates) {
    const expected = await mac(await importSecret(key.secret), signedText(path, key.id, signature.expires))
    if (await equalInConstantTime(expected, signature.value)) valid = true
  }
  if (!valid) throw refusals.badSignature('The signature does not belong to this address.')
  if (signature.expires !== undefined && signature.expires <= now) throw refusals.expired()
}

/** No address has this path, so that who may see a picture may not have it forgotten. */
const forgottenPath = (key: string) => `/forget/${key}`

/**
 * The address (path and query) that has a location's cache forget the presets of a picture, when it is sent with DELETE.
 * @param expires seconds since 1970.
 */
export async function signForgetting(key: string, { id, secret }: SigningKey, expires: number): Promise<string> {
  const value = await mac(await importSecret(secret), signedText(forgottenPath(key), id, expires))
  return `${imageUrl('', key, 'thumb')}?s=${value}&kid=${id}&exp=${expires}`
}

/**
 * Lets a request to forget through, or throws.
 * @param now seconds since 1970.
 * @throws Problem 403: missing, wrong or expired.
 */
export async function verifyForgetting(
  { source, signature }: ImageRequest,
  keys: readonly SigningKey[],
  now: number,
): Promise<void> {
  if (signature?.expires === undefined) throw refusals.unsigned('Only the API may have a picture forgotten.')
  await verifySignature(forgottenPath(source.key), signature, keys, now)
}
