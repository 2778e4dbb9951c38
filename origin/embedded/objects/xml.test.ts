import fc from 'fast-check'
import { expect, test } from 'vitest'
import { childText, parseXml, renderXml } from './xml.ts'

test('what is written is read back, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(childText(parseXml(renderXml('R', [['Key', text]])), 'Key')).toBe(text)
    }),
  )
})

test('declarations, comments, attributes, prefixes, CDATA and entities are understood', () => {
  const source =
    '<?xml version="1.0"?>\n<!-- a --><s:R xmlns:s="x"><s:K a="1">a&amp;<![CDATA[<b>]]>&#x41;</s:K><E/></s:R>\n'
  const root = parseXml(source)
  expect([root.name, childText(root, 'K'), childText(root, 'E'), childText(root, 'X')]).toEqual([
    'R',
    'a&<b>A',
    '',
    undefined,
  ])
})

test.each([
  '',
  'text',
  '<a>',
  '<a></b>',
  '</a>',
  '<a/><b/>',
  '<a>&unknown;</a>',
  '<a>& b</a>',
  '<a>&#xd800;</a>',
  '<a><</a>',
  '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
  '<a>'.repeat(20) + '</a>'.repeat(20),
])('%s is refused', (source) => {
  expect(() => parseXml(source)).toThrow(/not well formed/)
})
