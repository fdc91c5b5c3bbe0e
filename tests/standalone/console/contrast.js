// What of a page's text is too faint to read (WCAG 2.2, 1.4.3): "ratio element: text". Text on pictures is left out.
(() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, under) => {
    const mix = (name) => top[name] * top.a + under[name] * (1 - top.a);
    return { r: mix("r"), g: mix("g"), b: mix("b"), a: 1 };
  };
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ({ r, g, b }) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const upwards = function* (element) {
    for (let one = element; one; one = one.parentElement) yield one;
  };
  const ground = (element) => {
    const layers = [];
    for (const one of upwards(element)) {
      layers.push(parse(getComputedStyle(one).backgroundColor));
      if (layers.at(-1).a === 1) break;
    }
    return layers.reduceRight((under, layer) => over(layer, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest(":disabled, script, style, option, .picture")) continue;
    const style = getComputedStyle(element);
    const under = ground(element);
    const colour = parse(element.closest("svg") ? style.fill : style.color);
    for (const one of upwards(element)) colour.a *= Number(getComputedStyle(one).opacity);
    const [low, high] = [luminance(over(colour, under)), luminance(under)].sort((one, other) => one - other);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < least) faint.add(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 80)}: ${text.slice(0, 30)}`);
  }
  return [...faint];
})()
