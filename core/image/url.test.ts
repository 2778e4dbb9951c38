import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Problem } from '../problem.ts'
import { largeVariantKey, parseImageKey } from './key.ts'
import { parseOptions } from './options.ts'
import { formatImageUrl, type ImageRequest, imageUrl, parseImageUrl } from './url.ts'

const segment = fc.stringMatching(/^[0-9A-Za-z_-]{1,20}$/)
const source = fc
  .record({
    prefix: fc.constantFrom('media', 'private'),
    id: segment,
    hash: segment,
    extension: fc.constantFrom('jpg', 'png', 'webp'),
  })
  .map(({ prefix, id, hash, extension }) => parseImageKey(`${prefix}/${id}/${hash}.${extension}`))
const optionList = fc.constantFrom('thumb', '480', 'w=77', 'w=50,h=60,fit=pad,background=123456', 'f=webp,q=90', 'h=9')
const signature = fc.option(
  fc.record(
    { value: segment, keyId: segment, expires: fc.integer({ min: 1, max: 99_999_999_999 }) },
    { requiredKeys: ['value'] },
  ),
  { nil: undefined },
)
const request: fc.Arbitrary<ImageRequest> = fc
  .record({ source, options: optionList.map(parseOptions), signature })
  .map(({ signature: signed, ...rest }) => (signed ? { ...rest, signature: signed } : rest))

const statusOf = (address: string) => {
  try {
    parseImageUrl(address)
    return 200
  } catch (fault) {
    if (fault instanceof Problem) return fault.status
    throw fault
  }
}

describe('image addresses', () => {
  it('read back what they write', () => {
    fc.assert(
      fc.property(request, (wanted) => {
        expect(parseImageUrl(formatImageUrl(wanted))).toEqual(wanted)
      }),
    )
  })

  it('are built for presets with and without a base', () => {
    expect(imageUrl('https://img.example.com', 'media/7/abc.jpg', 'medium')).toBe(
      'https://img.example.com/img/medium/media/7/abc.jpg',
    )
    expect(imageUrl('', 'media/7/abc.jpg', '480')).toBe('/img/480/media/7/abc.jpg')
  })

  it('mean the same in Cloudflare’s form, with and without a leading slash of the source', () => {
    const wanted = parseImageUrl('/img/medium/media/7/abc.jpg')
    expect(parseImageUrl('/cdn-cgi/image/width=640,format=auto/media/7/abc.jpg')).toEqual(wanted)
    expect(parseImageUrl('/cdn-cgi/image/w=640//media/7/abc.jpg')).toEqual(wanted)
    expect(parseImageUrl('/cdn-cgi/image/w%3D640%2Cf%3Dauto/media/7/abc.jpg')).toEqual(wanted)
  })

  it.each([
    '/img/medium/media/7/../../secret.jpg',
    '/img/medium/media/7/..%2fsecret.jpg',
    '/img/medium/media%2F7%2Fabc.jpg',
    '/img/medium/media/7/abc.jpg%00.png',
    '/img/medium/media/7/%61bc.jpg',
    '/img/medium/media\\7\\abc\\d.jpg',
    '/img/medium/media/7/abc/def.jpg',
    '/img/medium/media//abc.jpg',
    '/img/medium//media//7/abc.jpg',
    '/img/medium/drafts/7/abc.jpg',
    '/img/medium/Media/7/abc.jpg',
    '/img/medium/media/7/abc',
    '/img/medium/media/7/.jpg',
    '/img/medium/https://example.com/media/7/abc.jpg',
    '/cdn-cgi/image/w=640/https://169.254.169.254/media/7/abc.jpg',
    '/cdn-cgi/image/w=640/http:/media/7/abc.jpg',
    '/cdn-cgi/image/w=640/@media/7/abc.jpg',
    '/cdn-cgi/image/w=640,%ff/media/7/abc.jpg',
    '/img/media/7/abc.jpg',
    '/img/medium',
    '/img/',
    '/',
  ])('refuse %s', (address) => {
    expect(statusOf(address)).toBe(400)
  })

  it.each(['svg', 'mp4', 'html', 'js'])('refuse a .%s as no image', (extension) => {
    expect(statusOf(`/img/medium/media/7/abc.${extension}`)).toBe(415)
  })

  it.each(['s=a&s=b', 's=a&exp=0', 's=a&exp=1e9', 's=a&exp=-5', 'kid=a', 'exp=1900000000'])(
    'refuse the query %s as no signature',
    (query) => {
      expect(statusOf(`/img/medium/media/7/abc.jpg?${query}`)).toBe(403)
    },
  )

  it('never reach outside media/ and private/, whatever is written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^media\/[a-z./%2\\]{1,20}\.jpg$/)), (tail) => {
        try {
          expect(parseImageUrl(`/img/medium/${tail}`).source.key).toMatch(
            /^(media|private)\/[\w-]+\/[\w-]+\.[a-z0-9]+$/,
          )
        } catch (fault) {
          expect(fault).toBeInstanceOf(Problem)
        }
      }),
    )
  })

  it('know where the large variant of a picture lies', () => {
    expect(largeVariantKey(parseImageKey('media/7/abc.png')).key).toBe('media/7/abc-large.jpg')
  })
})
