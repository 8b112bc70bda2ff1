// Helpers of the page's script: elements, numbers for people, colours of the theme.
const byId = (id) => document.getElementById(id);

/** Makes an element; text is set as text, never as markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Three significant digits; whole from 100 on. */
function threeDigits(value) {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function bytes(value) {
  let scaled = Math.abs(value);
  let unit = 0;
  while (scaled >= 1023.5 && unit + 1 < BYTE_UNITS.length) {
    scaled /= 1024;
    unit += 1;
  }
  const digits = unit === 0 && Number.isInteger(scaled) ? String(scaled) : threeDigits(scaled);
  return `${value < 0 && scaled >= 0.005 ? "-" : ""}${digits} ${BYTE_UNITS[unit]}`;
}

function count(value) {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function plainNumber(value) {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return count(value);
  const size = Math.abs(value);
  return `${value < 0 ? "-" : ""}${size >= 0.01 ? threeDigits(size) : size.toExponential(2)}`;
}

function microseconds(value) {
  if (value >= 1e6) return `${threeDigits(value / 1e6)} s`;
  return value >= 1000 ? `${threeDigits(value / 1000)} ms` : `${plainNumber(value)} µs`;
}

/** A time since the start: 250 ms, 20.5 s, 2:05 min, 14:03:00 h. */
function clock(seconds) {
  const sign = seconds < 0 ? "-" : "";
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 1) return `${sign}${(size * 1000).toFixed(size < 0.01 ? 2 : 0)} ms`;
  if (size < 60) return `${sign}${Number(size.toFixed(2))} s`;
  const whole = Math.round(size);
  const two = (part) => String(part).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  if (whole < 3600) return `${sign}${minutes}:${two(whole % 60)} min`;
  return `${sign}${Math.floor(whole / 3600)}:${two(minutes)}:${two(whole % 60)} h`;
}

/** Reads a colour of the style sheet, so that canvas and page have the same theme. */
function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const LINE_STYLES = 10;
const DASHES = [[], [9, 4], [2, 3], [10, 3, 2, 3], [5, 3], [14, 5], [2, 6], [12, 3, 2, 3, 2, 3], [6, 6], [3, 2]];

const VARIANT_STYLES = 8;
const VARIANT_DASHES = [[], [9, 4], [2, 3], [13, 3, 3, 3], [5, 3], [9, 3, 2, 3, 2, 3], [1.5, 2], [17, 5]];

/** Colour and dash of a variant: those of the picture on top of the page. */
function variantStyle(n) {
  return {
    variable: `--variant${n % VARIANT_STYLES}`,
    dash: VARIANT_DASHES[(n + Math.floor(n / VARIANT_STYLES)) % VARIANT_STYLES],
  };
}

/** Colour and dash of the n-th line; beyond ten the colours meet other dashes. */
function lineStyle(n) {
  return {
    variable: `--line${n % LINE_STYLES}`,
    dash: DASHES[(n + Math.floor(n / LINE_STYLES)) % LINE_STYLES],
  };
}
