/**
 * What the demo's people post about: one entry a class of photos, with alternative texts, hashtags and captions that fit
 * it, and the interests under which people find each other.
 */

export interface PhotoClass {
  /** The folder's name in ops/demo/photos. */
  name: string
  /** What somebody who cannot see the photo is told. */
  alt: string
  hashtags: readonly string[]
  captions: readonly string[]
}

export interface Topic {
  name: string
  /** Who posts about it, for a profile. */
  bios: readonly string[]
  classes: readonly PhotoClass[]
}

const photos = (name: string, alt: string, hashtags: string, captions: readonly string[]): PhotoClass => ({
  name,
  alt,
  hashtags: hashtags.split(' '),
  captions,
})

export const TOPICS: readonly Topic[] = [
  {
    name: 'flowers',
    bios: ['Botanical garden regular.', 'Allotment 14b. Mostly dahlias, sometimes order.', 'Florist. Up before you.'],
    classes: [
      photos('sunflower', 'A sunflower in full bloom', 'sunflower flowers garden yellow summer', [
        'Taller than me now, and it knows it.',
        'Planted in April, out of spite for the weather.',
        'The bees had this one booked all morning.',
        'Still following the sun. Relatable.',
        'Found at the edge of a car park, of all places.',
      ]),
      photos('water_lilly', 'A water lily on a pond', 'waterlily pond flowers botany calm', [
        'They close at four. I was there at ten to.',
        'The pond finally forgave us for last year.',
        'Ten minutes of sitting still for this one.',
        'Monet was not exaggerating.',
        'Opened this morning, between two rain showers.',
      ]),
      photos('lotus', 'A lotus flower with broad green leaves', 'lotus flowers botany nature bloom', [
        'Out of the mud, without a stain.',
        'The greenhouse smelled like warm rain.',
        'Second week of bloom, and the colour only gets deeper.',
        'I came for the orchids and stayed for this.',
        'The leaves are a metre wide. Water rolls off like mercury.',
      ]),
    ],
  },
  {
    name: 'gardening',
    bios: ['Small trees, long patience.', 'Macro lens, muddy knees.', 'Counting butterflies for the local survey.'],
    classes: [
      photos('bonsai', 'A bonsai tree in a shallow pot', 'bonsai trees garden craft patience', [
        'Twenty-six years old, and younger than the wire on it.',
        'Repotting day. Everybody breathe.',
        'I removed one leaf. That was today’s work.',
        'Inherited from a neighbour who says it likes radio.',
        'From the autumn show: my favourite of the evening.',
      ]),
      photos('butterfly', 'A butterfly with open wings', 'butterfly insects macro nature wings', [
        'It sat for exactly one frame.',
        'Fourth species in the garden this week.',
        'Wings like stained glass.',
        'Buddleia pays rent in butterflies.',
        'Went to photograph the flower. Plans changed.',
      ]),
      photos('dragonfly', 'A dragonfly at rest', 'dragonfly insects macro pond wings', [
        'Three hundred million years of practice, and it shows.',
        'They always come back to the same stalk. So did I.',
        'Look at the veins in those wings.',
        'Faster than my autofocus, until this one got tired.',
        'The pond’s air traffic control.',
      ]),
    ],
  },
  {
    name: 'animals',
    bios: ['Field notes and long lenses.', 'Zoo volunteer on Tuesdays.', 'Walks in all weathers, by order of the dog.'],
    classes: [
      photos('kangaroo', 'A kangaroo on grass', 'kangaroo wildlife australia animals', [
        'He looked at me as if I owed him money.',
        'Golden hour, and nobody told them to pose.',
        'Saw forty today. This one saw me first.',
        'Resting posture: professional.',
        'Two hours before the first hop. Worth it.',
      ]),
      photos('panda', 'A giant panda', 'panda wildlife animals cute bamboo', [
        'Eats for fourteen hours, sleeps for ten. Goals.',
        'Caught between two naps.',
        'It waved. I am telling everyone it waved.',
        'Bamboo: finished. Next question.',
        'The queue was an hour. Nobody complained after this.',
      ]),
      photos('flamingo', 'A flamingo standing in shallow water', 'flamingo birds wildlife pink nature', [
        'Balance level: flamingo.',
        'All that pink comes from lunch.',
        'The one that did not get the memo about facing left.',
        'Quiet morning at the lagoon.',
        'Not a filter. That is the actual colour.',
      ]),
      photos('elephant', 'An elephant outdoors', 'elephant wildlife animals safari nature', [
        'She remembered the car from last year.',
        'Everything went quiet when they crossed.',
        'Dust bath, then lunch, then another dust bath.',
        'The youngest always walks in the middle.',
        'We turned the engine off and just watched.',
      ]),
      photos('okapi', 'An okapi with striped legs', 'okapi wildlife animals rare nature', [
        'Giraffe’s cousin, dressed by a zebra.',
        'Described by science only in 1901. Good at hiding.',
        'Those legs.',
        'It washed its own ear with its tongue. I have questions.',
        'My favourite animal that nobody believes exists.',
      ]),
      photos('llama', 'A llama looking around', 'llama animals farm andes fluffy', [
        'The hair. The confidence.',
        'Has opinions about hikers.',
        'No drama. Well, a little.',
        'At four thousand metres I was the one out of breath.',
        'Met the manager of this valley.',
      ]),
      photos('dalmatian', 'A Dalmatian dog', 'dalmatian dogs dogsoftideline spots puppy', [
        'Counted the spots again. Different number again.',
        'He has never done anything wrong in his life.',
        'Waiting for the word “beach”.',
        'Caught looking noble. It lasted a second.',
        'Adopted three years ago today.',
      ]),
      photos('hedgehog', 'A hedgehog', 'hedgehog animals garden wildlife cute', [
        'Night shift in the garden has arrived.',
        'Leave a gap in your fence. This is why.',
        'Weighed in at 640 grams, ready for winter.',
        'Heard it before I saw it: they chew so loudly.',
        'A small ball of no, thank you.',
      ]),
    ],
  },
  {
    name: 'sea',
    bios: ['Diver. Mostly bubbles.', 'Reef surveys, salty hair.', 'Marine biology, and a kayak.'],
    classes: [
      photos('hawksbill', 'A hawksbill turtle swimming', 'turtle hawksbill diving ocean reef', [
        'She swam with us for five minutes, then had enough.',
        'Eighteen metres down, and the day stops.',
        'Same turtle, same reef, fourth year.',
        'Critically endangered, entirely unbothered.',
        'Surveying the reef: somebody was surveying us.',
      ]),
      photos('starfish', 'A starfish', 'starfish ocean beach tidepool sea', [
        'Low tide, high spirits.',
        'No brain, five arms, doing fine.',
        'Put back exactly where it was.',
        'The tide pools were full of stars tonight.',
        'It moved two centimetres while I had lunch.',
      ]),
      photos('dolphin', 'A dolphin in the sea', 'dolphin ocean sea wildlife waves', [
        'They found us, as always.',
        'Six of them on the bow wave until the harbour.',
        'You hear the breath before you see anything.',
        'Everybody on the ferry was seven years old for a minute.',
        'Off the cape this morning, no wind at all.',
      ]),
      photos('sea_horse', 'A seahorse among sea plants', 'seahorse diving ocean reef macro', [
        'Size of a thumb, attitude of a dragon.',
        'Hold on to something and let the current pass.',
        'The guide pointed at seagrass. Then the seagrass looked back.',
        'Dads of the year, every year.',
        'Found at four metres, after eleven dives of looking.',
      ]),
    ],
  },
  {
    name: 'boats',
    bios: ['Gaff rig and strong tea.', 'Ferry spotter. Yes, it is a thing.', 'Sails mended, stories told.'],
    classes: [
      photos('ferry', 'A ferry on the water', 'ferry boats harbour travel sea', [
        'The best commute in the city.',
        'Upper deck, left side, every time.',
        'Built in the sixties and still the prettiest in the harbour.',
        'The 7:40, on time, against all odds.',
        'Last boat of the day.',
      ]),
      photos('ketch', 'A ketch under sail', 'sailing ketch boats sea wind', [
        'Two masts, five knots, no hurry.',
        'Wind finally came round to the south-west.',
        'She turns heads, and slowly.',
        'Crossing with friends, and one seasick cook.',
        'Everything up, for once.',
      ]),
      photos('schooner', 'A schooner under sail', 'schooner sailing tallship boats sea', [
        'Every sail set. Goosebumps.',
        'Parade of sail, and I had the good spot.',
        'A hundred years old and overtook us.',
        'You can hear the rigging from the shore.',
        'Evening light did the rest.',
      ]),
    ],
  },
  {
    name: 'travel',
    bios: ['Window seat.', 'Deserts, mostly.', 'Slow travel and worn maps.'],
    classes: [
      photos('pyramid', 'A pyramid under an open sky', 'pyramid travel history architecture', [
        'No photo gets the scale. Here is one anyway.',
        'Arrived before the buses. Silence.',
        'Older than almost everything we call old.',
        'The wind had been at it for four thousand years.',
        'I did not expect to be speechless.',
      ]),
      photos('joshua_tree', 'A Joshua tree in the desert', 'joshuatree desert travel landscape nature', [
        'Not a tree, a yucca with ambitions.',
        'First light, no one around for miles.',
        'Slept under this one. Ten out of ten stars.',
        'It grows eight centimetres a year. I can wait.',
        'The desert after rain smells like nothing else.',
      ]),
    ],
  },
  {
    name: 'food',
    bios: ['Cooks for too many people.', 'Coffee first.', 'Dough whisperer in training.'],
    classes: [
      photos('pizza', 'A pizza fresh from the oven', 'pizza food homemade italian dinner', [
        'Seventy-two hours of dough, gone in six minutes.',
        'New oven, first try. We are never going out again.',
        'It is not round. It is rustic.',
        'Friday, as required by law.',
        'Nonna would have raised an eyebrow, and taken a slice.',
      ]),
      photos('cup', 'A cup on a table', 'coffee cup morning mug ceramics', [
        'Do not speak to me until this is empty.',
        'My favourite mug, chipped in the right place.',
        'Second of at least four.',
        'The café gave me this cup when it closed.',
        'Thrown on the wheel last week. It even holds coffee.',
      ]),
      photos('strawberry', 'Ripe strawberries', 'strawberry fruit food summer garden', [
        'One for the bowl, two for me.',
        'The blackbird left us exactly these.',
        'Smells like the last week of school.',
        'Two kilos picked, one kilo arrived home.',
        'The first of the year.',
      ]),
    ],
  },
  {
    name: 'music',
    bios: ['Plays other people’s pianos.', 'Strings, wood and glue.'],
    classes: [
      photos('grand_piano', 'A grand piano', 'piano music instrument classical grandpiano', [
        'Tuned this morning. It sighed.',
        'Four hundred kilos and it still whispers.',
        'They said “do not touch”. Then they said “unless you play”.',
        'Practice room with a view of nothing. Perfect.',
        'Found it in a hotel lobby. Stayed an hour.',
      ]),
      photos('mandolin', 'A mandolin', 'mandolin music instrument strings folk', [
        'New strings, old songs.',
        'Bought at a flea market, sounds like a Sunday.',
        'Eight strings to tune. See you tomorrow.',
        'Session at the pub tonight. Bring something to tap on.',
        'The luthier said “she will open up”. She did.',
      ]),
    ],
  },
  {
    name: 'interiors',
    bios: ['Old lamps, new bulbs.', 'I photograph rooms when nobody is in them.'],
    classes: [
      photos('lamp', 'A table lamp giving warm light', 'lamp interior design light vintage', [
        'Rewired it myself. It even works.',
        'The good corner of the room.',
        'Overhead light is for emergencies.',
        'Three euros at the market. Three.',
        'Evenings start when this goes on.',
      ]),
      photos('chandelier', 'A lit chandelier on a ceiling', 'chandelier interior light architecture design', [
        'Imagine being the person who dusts it.',
        'Looked up. Missed the whole tour.',
        'The theatre is empty, the light is on.',
        'Every crystal was counted, twice, said the guide.',
        'Too much? Exactly enough.',
      ]),
      photos('umbrella', 'An umbrella', 'umbrella beach rain colour weekend', [
        'It will not rain now. I brought it.',
        'Front row, no neighbours.',
        'Colour on a grey day.',
        'Shade, water, a book I will not read.',
      ]),
    ],
  },
]
