/** The header that the page sends with every question; without CORS no other origin can. */
export const PAGE_HEADER = "x-edge-mqtt-page";
