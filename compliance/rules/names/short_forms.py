"""Short forms of first names, English, Spanish, Russian and German; a line is a group.

General vocabulary only; a name may be in several groups.
"""

SHORT_FORMS = """
william bill billy will willy
robert bob bobby rob robbie bert
richard dick rick ricky rich
james jim jimmy jamie
john jack johnny
jonathan jon jonny
joseph joe joey
thomas tom tommy
charles charlie chuck
edward ed eddie ted ned teddy
edwin ed eddie
edmund ed ned
michael mike mickey misha mikhail mick
alexander alex sasha aleksandr alec sandy
alexandra sasha alex sandra
alfred al alf fred
albert al bert bertie
arthur art
abraham abe
augustus gus
barnaby barney
bartholomew bart
bernard bernie
bradley brad
clifford cliff
clinton clint
calvin cal
benjamin ben benny benji
daniel dan danny
david dave davy
douglas doug
dominic dom
dwight ike
ernest ernie
eugene gene
frederick fred freddy
francis frank frankie
franklin frank
gabriel gabe
geoffrey jeffrey geoff jeff
gerald gerry jerry
harold harry hal
henry harry hank hal
herbert herb bert
howard howie
hubert bert
isaac ike
jacob jake
jerome jerry
jeremy jerry
joshua josh
kenneth ken kenny
lawrence larry
leonard len lenny leo
leopold leo
leslie les
louis lou
martin marty
maximilian max
maurice mo
mitchell mitch
nathan nate nat
nathaniel nate nat
norman norm
oliver ollie
oscar ozzie
samuel sam sammy
samantha sam
anthony tony antonio
andrew andy drew
matthew matt
christopher chris kit
christina chris tina
christine chris
nicholas nick nikolay kolya nicky
stephen steve steven
gregory greg
ronald ron ronnie
donald don donny
roderick rod rick
rodney rod
russell russ
sebastian seb bas
sidney sid
solomon sol
stanley stan
terence terry
theodore ted teddy theo
timothy tim
tobias toby
patrick pat paddy
patricia pat patty trish
peter pete
philip phil pip
ralph rafe
randolph randy
raymond ray
reginald reg reggie
victor vic
vincent vince vinny
walter walt wally
wesley wes
zachary zach zack zak
francisco paco pancho
jose pepe
jesus chucho
ignacio nacho
guillermo memo
enrique quique
eduardo lalo
dolores lola
guadalupe lupe
mercedes meche
elizabeth liz beth betty eliza lisa lizzie libby bess
margaret maggie meg peggy greta rita
catherine kate katie cathy katherine kathleen kathryn cath
kathleen kathy
susan sue susie
rebecca becky
deborah debbie deb
barbara barb
jennifer jen jenny
jacqueline jackie
judith judy
dorothy dot dottie dolly
eleanor ellie nell nora
florence flo
frances fran
gertrude trudy
helen nell ellen
josephine jo josie
madeline maddie
martha marty
mary molly polly
pamela pam
penelope penny
priscilla cilla
sarah sally
suzanne sue
theresa terry tess
veronica ronnie vera
virginia ginny
victoria vicky
yekaterina ekaterina katya katerina
anatoly tolya
boris borya
dmitry dima mitya
gennady gena
georgy gosha
grigory grisha
igor gosha
ilya ilyusha
konstantin kostya
leonid lyonya
lev lyova
maksim maxim max
nikolay kolya
oleg olezhka
pavel pasha
pyotr petya
roman roma
semyon syoma
stanislav stas slava
valentin valya
valery valera
vasily vasya
viktor vitya
vitaly vitalik
vladimir vova volodya vlad
vladislav vlad slava
vyacheslav slava
yaroslav slava
sergey seryozha
yevgeny evgeny zhenya
yury yura
ivan vanya
anastasia nastya
galina galya
irina ira
larisa lara
lyudmila lyuda mila
nadezhda nadya
natalya natasha
svetlana sveta
tatyana tanya
maria masha
olga olya
yelena elena lena
hans johannes johann
friedrich fritz
heinrich heinz
giuseppe beppe
giovanni gianni
"""
