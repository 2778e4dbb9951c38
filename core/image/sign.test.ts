import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Problem } from '../problem.ts'
import {
  parseSigningKeys,
  presetSigner,
  type SigningKey,
  signForgetting,
  signImagePath,
  verifyForgetting,
  verifyImageRequest,
} from './sign.ts'
import { formatImageUrl, imageUrl, parseImageUrl } from './url.ts'

const OLD: SigningKey = { id: 'old', secret: 'an-old-secret-of-at-least-32-characters' }
const NEW: SigningKey = { id: 'new', secret: 'a-new-secret-of-at-least-32-characters' }
const NOW = 1_800_000_000
const KEY = 'media/7261/abcDEF_0-9.jpg'
const PRIVATE = 'private/7261/abcDEF_0-9.jpg'

/** The status that an address meets: 200, or that of its problem. */
async function outcome(address: string, keys = [NEW, OLD], now = NOW): Promise<number> {
  try {
    await verifyImageRequest(parseImageUrl(address), keys, now)
    return 200
  } catch (fault) {
    if (fault instanceof Problem) return fault.status
    throw fault
  }
}

const options = fc
  .record({ w: fc.integer({ min: 1, max: 2048 }), q: fc.integer({ min: 1, max: 100 }) })
  .map(({ w, q }) => `w=${w},q=${q}`)
const expiry = fc.option(fc.integer({ min: NOW + 1, max: NOW + 1_000_000 }), { nil: undefined })

describe('signed image addresses', () => {
  it('are accepted as written', async () => {
    await fc.assert(
      fc.asyncProperty(options, expiry, async (list, expires) => {
        expect(await outcome(await signImagePath(KEY, list, NEW, expires))).toBe(200)
      }),
    )
  })

  it('are void after any change of one character that changes their meaning', async () => {
    const alphabet = 'abcXYZ0189=,._-/&?'
    await fc.assert(
      fc.asyncProperty(
        options,
        expiry,
        fc.nat(),
        fc.constantFrom(...alphabet),
        fc.constantFrom('replace', 'insert', 'delete'),
        async (list, expires, position, character, how) => {
          const address = await signImagePath(KEY, list, NEW, expires)
          const at = 1 + (position % (address.length - 1))
          const rest = address.slice(how === 'insert' ? at : at + 1)
          const changed = address.slice(0, at) + (how === 'delete' ? '' : character) + rest
          if ((await outcome(changed)) !== 200) return
          // What still passes must be the same request, or a free preset that needs no signature.
          const request = parseImageUrl(changed)
          const original = parseImageUrl(address)
          if (!request.signature) {
            expect(formatImageUrl(request)).not.toContain('=')
            return
          }
          expect({ ...request, signature: request.signature.value }).toEqual({
            ...original,
            signature: original.signature?.value,
          })
          expect(request.signature.expires).toBe(original.signature?.expires)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('hold for every spelling of the same options, in both forms', async () => {
    const signed = await signImagePath(KEY, 'w=500,h=400,fit=cover', NEW)
    const query = signed.slice(signed.indexOf('?'))
    expect(await outcome(`/cdn-cgi/image/fit=cover,height=400,width=500/${KEY}${query}`)).toBe(200)
    expect(await outcome(`/cdn-cgi/image/fit=cover,height=400,width=250,dpr=2/${KEY}${query}`)).toBe(403)
  })

  it('stay valid while their key is in the list, whichever key is the newest', async () => {
    const signed = await signImagePath(KEY, 'w=500', OLD)
    expect(await outcome(signed, [NEW, OLD])).toBe(200)
    expect(await outcome(signed.replace('&kid=old', ''), [NEW, OLD])).toBe(200)
    expect(await outcome(signed.replace('kid=old', 'kid=new'), [NEW, OLD])).toBe(403)
    expect(await outcome(signed, [NEW])).toBe(403)
    expect(await outcome(signed, [])).toBe(403)
  })

  it('end at their expiry, to the second', async () => {
    const signed = await signImagePath(KEY, 'w=500', NEW, NOW + 60)
    expect(await outcome(signed, [NEW], NOW + 59)).toBe(200)
    expect(await outcome(signed, [NEW], NOW + 60)).toBe(403)
  })

  it('are required for free options, and not for presets', async () => {
    expect(await outcome(`/img/w=641/${KEY}`)).toBe(403)
    expect(await outcome(`/cdn-cgi/image/width=640,quality=80/${KEY}`)).toBe(403)
    expect(await outcome(`/cdn-cgi/image/width=640,f=auto/${KEY}`)).toBe(200)
    expect(await outcome(imageUrl('', KEY, 'large'))).toBe(200)
  })

  it('are required for private pictures at every size, with an expiry', async () => {
    expect(await outcome(`/img/medium/${PRIVATE}`)).toBe(403)
    const signed = await signImagePath(PRIVATE, 'medium', NEW, NOW + 60)
    expect(signed).toMatch(/^\/img\/medium\/private\//)
    expect(await outcome(signed)).toBe(200)
    await expect(signImagePath(PRIVATE, 'medium', NEW)).rejects.toThrow('needs an expiry')
  })

  it('of a private picture hold for all of its presets, in both forms, and for nothing else', async () => {
    const query = await presetSigner(NEW)(PRIVATE, NOW + 60)
    for (const preset of ['thumb', 'medium', '640', 'w=1080']) {
      expect(await outcome(`/img/${preset}/${PRIVATE}?${query}`), preset).toBe(200)
    }
    expect(await outcome(`/cdn-cgi/image/width=320,dpr=2/${PRIVATE}?${query}`)).toBe(200)
    expect(await outcome(`/img/w=641/${PRIVATE}?${query}`)).toBe(403)
    expect(await outcome(`/img/medium/${PRIVATE.replace('7261', '7262')}?${query}`)).toBe(403)
    expect(await outcome(`/img/medium/${PRIVATE}?${query}`, [NEW], NOW + 60)).toBe(403)
    expect(await outcome(`/img/medium/${PRIVATE}?${query.replace(/exp=\d+/, `exp=${NOW + 61}`)}`)).toBe(403)
    expect(await outcome(`/img/medium/${PRIVATE}?${query}`, [OLD])).toBe(403)
    expect(`/img/thumb/${PRIVATE}?${query}`).toBe(await signImagePath(PRIVATE, 'thumb', NEW, NOW + 60))
  })

  it('are refused where the signature of another picture is pasted in', async () => {
    const other = await signImagePath(KEY.replace('media', 'private'), 'w=500', NEW, NOW + 60)
    expect(await outcome(other.replace('private', 'media'))).toBe(403)
  })
})

describe('addresses that have a picture forgotten', () => {
  const forget = async (address: string, now = NOW) => {
    await verifyForgetting(parseImageUrl(address), [NEW, OLD], now)
    return true
  }

  it('are for that alone, and for a while', async () => {
    const address = await signForgetting(KEY, NEW, NOW + 60)
    expect(await forget(address)).toBe(true)
    expect(await outcome(address)).toBe(403)
    await expect(forget(address, NOW + 60)).rejects.toThrow(Problem)
    await expect(forget(address.replace('7261', '7262'))).rejects.toThrow(Problem)
    await expect(forget(imageUrl('', KEY, 'thumb'))).rejects.toThrow(Problem)
    await expect(forget(await signImagePath(KEY, 'w=150', NEW, NOW + 60))).rejects.toThrow(Problem)
    await expect(forget(`/img/thumb/${PRIVATE}?${await presetSigner(NEW)(PRIVATE, NOW + 60)}`)).rejects.toThrow(Problem)
  })
})

describe('signing keys in configuration', () => {
  it('are read in order', () => {
    expect(parseSigningKeys(`new:${NEW.secret}, old:${OLD.secret}`)).toEqual([NEW, OLD])
  })

  it.each([
    ['', 'id:secret'],
    ['k', 'id:secret'],
    [`k:${NEW.secret} with spaces`, 'id:secret'],
    ['k:short', 'shorter than 32'],
    [`k:${NEW.secret},k:${OLD.secret}`, 'share an id'],
    [Array.from({ length: 9 }, (_, i) => `k${i}:${NEW.secret}`).join(), 'more than 8'],
  ])('are refused when written %s', (text, sentence) => {
    expect(() => parseSigningKeys(text)).toThrow(sentence)
    expect(() => parseSigningKeys(text)).not.toThrow(NEW.secret)
  })
})
