// Reads QR codes from the camera or a photo. The decoder, zxing-wasm, is loaded on the first use, and
// not at all where the browser has one of its own.
const STATIC = new URL("..", import.meta.url).href;
const PAUSE = 120; // milliseconds between two looks
const AWAY = 20; // looks after which a code that comes back is a new one
let decoder = null;

async function ownDecoder() {
  if (!("BarcodeDetector" in globalThis)) return null;
  const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!formats.includes("qr_code")) return null;
  const own = new BarcodeDetector({ formats: ["qr_code"] });
  return async (picture) => (await own.detect(picture))[0]?.rawValue ?? null;
}

async function zxing() {
  const { prepareZXingModule, readBarcodes } = await import(`${STATIC}zxing/es/reader/index.js`);
  await prepareZXingModule({
    overrides: { locateFile: (file) => `${STATIC}zxing/reader/${file}` },
    fireImmediately: true,
  });
  return async (picture) => {
    const found = await readBarcodes(picture, { formats: ["QRCode"], maxNumberOfSymbols: 1, tryHarder: true });
    return found[0]?.text ?? null;
  };
}

const ready = () => (decoder ??= ownDecoder().then((own) => own ?? zxing()).catch((error) => {
  decoder = null; // it is tried again: perhaps there was no signal
  throw error;
}));

function pixels(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  drawing.drawImage(source, 0, 0, width, height);
  return drawing.getImageData(0, 0, width, height);
}

/**
 * The camera behind a <video>. `start` reads until it is stopped: onCode(text) once for each code, and
 * again only for one that was out of sight. Nothing is read while it is `paused`.
 */
export class Camera {
  constructor(video) {
    this.video = video;
    this.stream = null;
    this.paused = false;
  }

  /** Throws a DOMException if there is no camera or the person does not allow it. */
  async start(onCode) {
    const [stream] = await Promise.all([
      navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 } } }),
      ready(),
    ]);
    this.stream = stream;
    this.video.srcObject = stream;
    this.video.setAttribute("playsinline", "");
    await this.video.play();
    let last = null;
    let away = 0;
    while (this.stream === stream) {
      const text = this.paused ? last : await this.look();
      away = text === null ? away + 1 : 0;
      if (away > AWAY) last = null;
      if (text !== null && text !== last && this.stream === stream && !this.paused) {
        last = text;
        onCode(text);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  async look() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return null;
    return (await ready())(pixels(this.video, width, height)).catch(() => null);
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }
}

/** Read the code in a photo that was taken or chosen. Returns its text, or null. */
export async function codeIn(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, 1600 / Math.max(picture.width, picture.height));
  return (await ready())(pixels(picture, Math.round(picture.width * scale), Math.round(picture.height * scale)));
}

/** Load the decoder before it is needed, say so that it is there without signal. */
export const prepare = () => ready().then(() => true, () => false);
