"""Words that say little of who somebody is: titles, particles, legal forms, the trade's own words.

All are Latin lower case after transliteration. General vocabulary only: no listed name is here.
"""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


TITLES = _set(
    "mr mrs ms mv mt miss dr prof professor sir dame lord lady rev reverend fr hon honorable"
    " eng engr ing dipl lic phd md jr sr junior senior esq gen general maj major col colonel"
    " lt lieutenant capt captain cpt sgt sergeant brig brigadier adm admiral marshal commander"
    " president prasident presidente minister premier"
    " sheikh shaikh shaykh sheik haji hajji hadji hajj mullah mulla mawlawi maulavi maulawi maulana"
    " molvi mufti qari ustad ayatollah hojatoleslam"
    " herr frau monsieur madame mme don dona senor senora"
)

# Say whose son or which family, never who. Their absence or presence weighs next to nothing.
PARTICLES = _set(
    "al el ul bin ibn ebn ben bint binti binte wa walad ould wuld ogly oglu uulu kyzy qizi"
    " de del della dela di da do dos das du la le les los las y e i und and et van von vom der den"
    " ten ter zu zum zur af av of the for in to na st"
)
# The article as it sounds before sun letters; only before a hyphen or an apostrophe.
ARTICLES = _set("al el ul ar er as es ash esh an en at et ad ed az ez ath adh ol")

# Halves of compounds that a thousand names share, each in one spelling.
COMPOUND = {
    **dict.fromkeys(_set("abd abdul abdel abdal abdol abdoul abdool abed"), "abd"),
    **dict.fromkeys(_set("abu abou abi aboo"), "abu"),
    **dict.fromkeys(_set("umm oum"), "umm"),
    **dict.fromkeys(_set("din deen dine eddin eddine uddin aldin ildin"), "din"),
    **dict.fromkeys(_set("allah ullah ollah"), "allah"),
}

# ISO 20275 (2,300 codes) as far as the forms are met in payments; joined without dots.
LEGAL_FORMS = _set(
    "ab ag aps asa bhd bv bvba co company companies corp corporation cv cva cyf dac dba"
    " doo dd dooel eirl eood ead ood ev ek eg fze fzc fzco fzllc gie gmbh gbr hf ehf iks inc"
    " incorporated ip jsc ojsc pjsc cjsc kft kg kgaa ks kk gk lda ltda limited limitada llc llp"
    " lp ltd lllp mbh nv nyrt zrt oao ooo oy oyj ab pao zao ao ano as uab sia plc pc pllc"
    " pte pt tbk pvt private pty sa sab saa sae sal saog saoc sarl sas sasu sc sca scs se sl slu"
    " snc soc spa spj spk spzoo sro srl ska tov too tao vof wll ulc uk gesmbh ug"
    " aktiengesellschaft aktiebolag kabushiki kaisha gaisha yugen godo"
    " gesellschaft kommanditgesellschaft ohg cokg sicav sofom srls scrl asbl vzw sdn eireli"
    " osakeyhtio oyab fmba npao fgup gup mup mchj aebe ltee rllp"
)
# Forms written out; each becomes one legal form, a longer one before one that begins it.
_PHRASES = tuple(
    tuple(phrase.split())
    for phrase in (
        "obshchestvo s ogranichennoy otvetstvennostyu",
        "obshchestvo s dopolnitelnoy otvetstvennostyu",
        "tovarishchestvo s ogranichennoy otvetstvennostyu",
        "individualnyy predprinimatel",
        "nepublichnoe aktsionernoe obshchestvo",
        "publichne aktsionerne tovarystvo",
        "pryvatne aktsionerne tovarystvo",
        "federalnoe gosudarstvennoe unitarnoe predpriyatie",
        "gosudarstvennoe unitarnoe predpriyatie",
        "obschestvo s ogranichennoy otvetstvennostyu",
        "tovarystvo z obmezhenoyu vidpovidalnistyu",
        "publichnoe aktsionernoe obshchestvo",
        "otkrytoe aktsionernoe obshchestvo",
        "zakrytoe aktsionernoe obshchestvo",
        "avtonomnaya nekommercheskaya organizatsiya",
        "gesellschaft mit beschrankter haftung",
        "sociedad anonima de capital variable",
        "societe a responsabilite limitee",
        "sociedad de responsabilidad limitada",
        "s de rl de cv",
        "sapi de cv",
        "sa de cv",
        "limited liability partnership",
        "limited liability company",
        "company with limited liability",
        "limited company",
        "sociedade anonima",
        "sociedade limitada",
        "societe en commandite",
        "societe par actions simplifiee",
        "societa a responsabilita limitata",
        "sendirian berhad",
        "sdn bhd",
        "gmbh co kg",
        "ag co kg",
        "spolka z ograniczona odpowiedzialnoscia",
        "spolecnost s rucenim omezenym",
        "drustvo s ogranicenom odgovornoscu",
        "s en c",
        "s r l",
        "free zone company",
        "free zone establishment",
        "public limited company",
        "public joint stock company",
        "private joint stock company",
        "closed joint stock company",
        "open joint stock company",
        "joint stock company",
        "private limited",
        "pvt ltd",
        "pte ltd",
        "pty ltd",
        "co ltd",
        "kabushiki kaisha",
        "aktsionernoe obshchestvo",
        "aktsionerne tovarystvo",
        "anonim sirketi",
        "limited sirketi",
        "limited partnership",
        "naamloze vennootschap",
        "besloten vennootschap",
        "sociedad anonima",
        "societe anonyme",
        "societa per azioni",
        "sp z oo",
        "spolka akcyjna",
        "d oo",
        "l td",
    )
)

LEGAL_PHRASES: dict[str, list[tuple[str, ...]]] = {}  # by their first word
for _phrase in sorted(_PHRASES, key=len, reverse=True):
    LEGAL_PHRASES.setdefault(_phrase[0], []).append(_phrase)

# What firms do, where they are: half the weight of a name of their own.
GENERIC = _set(
    "group groupe gruppe grupo holding holdings enterprise enterprises industry industries"
    " industrial trading trade trades trader traders commerce commercial comercial general"
    " service services servicios solutions systems system technology technologies tech"
    " international internacional global worldwide national world european europe asia asian"
    " africa african east eastern west western north northern south southern central middle"
    " import export imports exports impex investment investments invest capital fund funds"
    " finance financial bank banco banque trust partners partner partnership associates"
    " association foundation institute institution organization organisation center centre"
    " shipping marine maritime navigation lines line transport transportation logistics cargo"
    " airlines airline airways aviation air construction constructions contracting engineering"
    " development management consulting consultants advisory manufacturing production products"
    " works plant factory mill company oil gas petroleum petrochemical energy power electric"
    " electronics electronic chemical chemicals pharmaceutical pharmaceuticals medical food foods"
    " agricultural agriculture mining metal metals steel motor motors auto automotive real estate"
    " property properties mortgage loan securities insurance exchange money market store stores"
    " ministry government department committee council party movement front army brigade"
    " vessel ship tanker yard hull university school academy research science sciences"
    " agency office bureau branch series"
    " islamic republic federal public compania empresa"
    " intl mfg mgmt univ inst dept govt natl assoc bros brothers hldgs hldg grp svcs svc ind inds"
    " eng engg dev corporacion corporativo asociacion fundacion instituto universidad"
    " banca bancaire banking banka torgovaya torgovyy promyshlennaya gruppa korporatsiya"
    " sanayi ticaret"
)

# Names so common that sharing one says little; used where no list tells how rare a word is.
COMMON = _set(
    "mohamed mohammed muhammad mohammad muhamad mohamad ahmed ahmad ali hassan hasan hussein"
    " husain hussain husayn abdullah abdallah ibrahim omar umar yusuf mahmoud mahmud mustafa"
    " khalid khan hafiz hafez imam emir saleh salih said sayed sayyid syed kim lee li park choi"
    " wang zhang chen liu yang nguyen tran le jose juan maria carlos luis garcia rodriguez"
    " gonzalez hernandez lopez martinez perez sanchez john james david michael robert william"
    " thomas smith jones brown johnson williams ivan ivanov ivanova sergey sergei aleksandr"
    " alexander vladimir dmitry andrey singh kumar silva santos souza jean pierre marie anna"
)

# Korean surnames as passports print them; by rule they would read I, Bak, Choe.
HANGUL_SURNAMES = {
    "\uae40": "kim",
    "\uc774": "lee",
    "\ub9ac": "ri",
    "\ubc15": "park",
    "\ucd5c": "choi",
    "\uc815": "jung",
    "\uac15": "kang",
    "\uc870": "cho",
    "\uc724": "yoon",
    "\uc784": "lim",
    "\uc624": "oh",
    "\uc2e0": "shin",
    "\uad8c": "kwon",
    "\uc548": "ahn",
    "\uc720": "yoo",
    "\ub958": "ryu",
    "\ubb38": "moon",
    "\ud5c8": "heo",
    "\ub178": "noh",
    "\uc6b0": "woo",
    "\uad6c": "koo",
}
