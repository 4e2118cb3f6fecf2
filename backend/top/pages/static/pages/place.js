// Where this phone is, asked for on a tap alone.
const HOW = { enableHighAccuracy: true, timeout: 15_000, maximumAge: 60_000 };

/** The position as the API has it, in GPS's datum; null if the phone has none or may not tell. */
export function position() {
  return new Promise((resolve) => {
    if (!navigator.geolocation) return resolve(null);
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({
        latitude: coords.latitude,
        longitude: coords.longitude,
        coord_type: "wgs84",
        accuracy_metres: Math.min(100_000, Math.round(coords.accuracy)),
      }),
      () => resolve(null),
      HOW,
    );
  });
}
