/** What an image may cost, in one place. Lower than Cloudflare's (100 MB, 100 MP, 12,000 px): an isolate has 128 MB. */
export const IMAGE_LIMITS = Object.freeze({
  /** Bytes of an original. Phone cameras stay under 15 MB; above that it is no photo for a feed. */
  sourceBytes: 20 * 1024 * 1024,
  /** Pixels of an original, from its header: 50 MP cameras exist, bombs start above. */
  sourcePixels: 50_000_000,
  /** Pixels a side of an answer: the widest screens of phones and laptops at their full density. */
  outputSide: 2048,
  /** Device pixel ratio: above three nobody sees a difference. */
  dpr: 3,
  /** Bytes of pixels that an engine may hold for one image (half of an isolate's 128 MB). */
  pixelBytes: 64 * 1024 * 1024,
  /** Signing keys looked at when an address does not name one. */
  signingKeys: 8,
})
