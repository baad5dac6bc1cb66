"""Single characters of strings, of each form that CPython keeps strings in: compared, kept, looked up, out of range."""

import sys

ASCII = "let x = 'abc' + \"def\\n\" # done\t0"
LATIN = ASCII + "é\xff"
WIDE = ASCII + "Ωλ中"
WIDEST = ASCII + "𝄞😀"
TEXTS = [ASCII, LATIN, WIDE, WIDEST, "", "a", "é", "\0\x7f\x80", "x" * 70]


class Text(str):
    def __getitem__(self, index):
        return "<" + str.__getitem__(self, index) + ">"


def scan(text, stops):
    position = words = quotes = 0
    kept = []
    while position < len(text):
        char = text[position]
        if char == " ":
            words += 1
        elif char == '"' or char == "'":
            quotes += 1
        elif char != "\\" and char in stops:
            kept.append(char)
        elif "#" == char:
            kept.append(position)
        position += 1
    return position, words, quotes, kept


def backwards(text):
    found = {}
    for i in range(1, len(text) + 1):
        char = text[-i]
        found[char] = found.get(char, 0) + (char != "x")
    return sorted(found.items())


def compare(left, right):
    same = other = order = 0
    for i in range(min(len(left), len(right))):
        a, b = left[i], right[i]
        same += a == b
        other += a != b
        order += (a < b) - (a is b)
        if a == "le" or a == "":
            order += 1000
    return same, other, order


def until_the_end(text, chars):
    position = 0
    try:
        while text[position] in chars:
            position += 1
    except IndexError as error:
        return position, str(error)
    return position, text[position]


def joined(text):
    result, last = "", None
    for i in range(len(text)):
        char = text[i]
        if char == last:
            continue
        result += char
        last = char
    return result


def numbers(text):
    total = 0
    for i in range(len(text)):
        char = text[i]
        total = total * 3 % 1000003 + ord(char) + char.isalpha() * 7
        if char == "\x7f":
            total += 1
    return total


def references(text):
    char = text[0]
    before = sys.getrefcount(char)
    kept = [text[i % len(text)] for i in range(200)]
    for i in range(200):
        char = text[i % len(text)]
        kept[i] = char
    return before == sys.getrefcount(text[0]), len(kept), char


def vowels(text):
    count = 0
    for i in range(len(text)):
        c = text[i]
        if c == "a" or c == "e" or c == "i" or c == "o" or c == "u":
            count += 1
    return count


def replaced(texts, rounds):
    total = 0
    text = texts[0]
    for i in range(rounds):
        if i % 37 == 36:
            text = texts[i // 37 % len(texts)]
        if text[i % len(text)] == "e":
            total += i
    return total


class Letters:
    def __init__(self, text):
        self.text = text

    def __iter__(self):
        return iter(self.text)


class Dying(str):
    def __del__(self):
        DIED.append(len(self))


DIED = []


def each(text):
    total = vowels = 0
    last = ""
    for char in text:
        if char == "a" or char == "e":
            vowels += 1
        elif char != last:
            total += ord(char)
        last = char
    return total, vowels, last


def until(text, stop):
    before = []
    letters = iter(text)
    for char in letters:
        if char == stop:
            break
        before.append(char)
    return before, "".join(letters), list(letters)


def nested(left, right):
    pairs = 0
    for a in left:
        for b in right:
            pairs += a == b
    return pairs


def together(left, right):
    letters = iter(left)
    found = []
    for a in letters:
        for b in right:
            if a == b:
                found.append((a, next(letters, None)))
    return found, [(i, c) for i, c in enumerate(right) if c > "e"]


def temporary(count):
    total = 0
    for i in range(count):
        for char in str(i * 37) + "é" * (i % 11 == 10):
            total += char == "7"
        for char in Dying("ab" * (i % 3)):
            total += char == "b"
    return total, len(DIED)


def grown(count):
    text = "a"
    total = 0
    for i in range(count):
        text += "xb"[i % 2]
        if i == count // 2:
            text += "λ"
        for char in text[-3:]:
            total += char == "b"
        total += text[-1] == "x"
    return total, text


for _ in range(12):
    seen = []
    DIED.clear()
    seen.append(temporary(60))
    seen.append(grown(90))
    for text in TEXTS:
        seen.append(each(text))
        seen.append(each(Letters(text)))
        seen.append(until(text, "#"))
        seen.append(until(text, "é"))
        seen.append(nested(text, ASCII))
        seen.append(together(text, LATIN))
    for text in TEXTS:
        seen.append(scan(text, {"=", "+", "é", "中", "😀"}))
        seen.append(scan(text, frozenset("ld")))
        seen.append(backwards(text))
        seen.append(joined(text))
        seen.append((numbers(text), vowels(text)))
        seen.append(until_the_end(text, {"x", "a", "l", "\0"}))
        seen.append(until_the_end(text, "letx "))
        for other in TEXTS[:4]:
            seen.append(compare(text, other))
    seen.append(compare(Text(ASCII), ASCII))
    seen.append(references(ASCII))
    seen.append(replaced(TEXTS[:4] + [Text(ASCII)], 400))
    try:
        scan(list(ASCII) + [3], "=")
    except TypeError as error:
        seen.append(str(error))
for each in seen:
    print(each)
